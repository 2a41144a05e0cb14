"""The report as one page that needs nothing else: no requests, no scripts, everything escaped."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from voicebot.reports import plots, wording
from voicebot.reports.headline import headline
from voicebot.reports.plot_style import GROUPS, house_style
from voicebot.reports.report import CampaignReport
from voicebot.reports.svg import inline_svg


@dataclass(frozen=True, slots=True)
class Picture:
    """One plot in both widths; the page shows the one that fits."""

    wide: Markup
    narrow: Markup


def render_html(report: CampaignReport, recordings: str = "recordings") -> str:
    """The whole page. `recordings`: where the recordings lie, as seen from the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=wording.percent,
        interval=wording.interval,
        ms=wording.milliseconds,
        seconds=wording.seconds,
        moment=wording.moment,
        readable=wording.readable,
        in_vain=wording.in_vain,
        line_quality=wording.line_quality,
        path=quote,
    )
    return environment.get_template("template.html").render(
        report=report,
        headline=headline(report),
        pictures=_pictures(report),
        groups=GROUPS,
        recordings=recordings,
    )


def _pictures(report: CampaignReport) -> dict[str, Picture]:
    latency = report.reply_latency_ms
    with house_style():
        return {
            "funnel": _picture(
                "funnel",
                lambda wide: plots.funnel(report, wide=wide),
                "How far contacts came",
                ", ".join(f"{step.name} {step.contacts}" for step in report.funnel),
            ),
            "outcomes": _picture(
                "outcomes",
                lambda wide: plots.outcomes(report, wide=wide),
                "Final result of each contact",
                ", ".join(f"{wording.readable(word)} {n}" for word, n in report.outcomes.items()),
            ),
            "latency": _picture(
                "latency",
                lambda wide: plots.reply_latency(report, wide=wide),
                "Distribution of reply latency and its stages",
                f"{latency.n} replies, median {wording.milliseconds(latency.p50)}, "
                f"95th percentile {wording.milliseconds(latency.p95)}",
            ),
            "timeline": _picture(
                "timeline",
                lambda wide: plots.timeline(report, wide=wide),
                "Calls over time",
                f"{report.dialled} calls, at most {report.most_calls_at_once} at once; "
                "the table of calls below holds the same facts",
            ),
        }


def _picture(name: str, draw: Callable[[bool], Figure], title: str, about: str) -> Picture:
    return Picture(
        wide=inline_svg(draw(True), f"{name}-wide", title, about),
        narrow=inline_svg(draw(False), f"{name}-narrow", title, about),
    )
