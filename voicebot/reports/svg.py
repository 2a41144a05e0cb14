"""A matplotlib figure as SVG that can stand in a page: text stays text, colours follow the page."""

import re
from io import StringIO

from markupsafe import Markup, escape
from matplotlib.figure import Figure

from voicebot.reports import plot_style

_PAGE_COLOURS = {
    plot_style.INK: "var(--ink)",
    plot_style.MUTED: "var(--muted)",
    plot_style.LINE: "var(--line)",
    plot_style.TRACK: "var(--track)",
    plot_style.DEEP_BLUE: "var(--accent-ink)",
    plot_style.GOAL_MARK: "var(--goal-mark)",
}
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


def inline_svg(figure: Figure, name: str, title: str, description: str) -> Markup:
    """`name` makes ids unique within the page; title and description are read out to the blind."""
    file = StringIO()
    figure.savefig(file, format="svg", metadata=_NO_METADATA)
    drawing = file.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'\bid="', f'id="{name}-', drawing)
    drawing = re.sub(r'(xlink:)?href="#', f'href="#{name}-', drawing)
    drawing = drawing.replace("url(#", f"url(#{name}-")
    for colour, variable in _PAGE_COLOURS.items():
        drawing = drawing.replace(colour, variable)
    view = re.search(r'viewBox="[^"]+"', drawing)
    assert view is not None
    head = (
        f'<svg {view[0]} class="plot" role="img" aria-labelledby="{name}-title {name}-about">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-about">{escape(description)}</desc>'
    )
    return Markup(head + drawing[drawing.index(">") + 1 :])
