"""How every plot looks: colours that colour-blind readers tell apart, quiet axes, one type."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, LINE, TRACK = "#1c2733", "#5a6876", "#c8d0d8", "#edf1f5"
BLUE, DEEP_BLUE = "#3b7fb6", "#1f4e79"
GOAL_MARK = "#8a3324"

GROUPS: dict[str, tuple[str, str]] = {
    "goal": ("goal reached", "#00745a"),
    "finished": ("finished, no goal", "#5aa7d6"),
    "refused": ("refused", "#d98a00"),
    "broken": ("broken off", "#b2402c"),
    "machine": ("machine", "#8577b0"),
    "not_connected": ("not connected", "#98a4b0"),
    "not_dialled": ("not dialled", "#c3cbd3"),
    "open": ("still open", "#dde3e8"),
}
"""Call group -> (words, colour), in the order of a legend. After Okabe and Ito's palette."""

NARROW_IN, WIDE_IN = 3.7, 9.6
POINT_SIZE, SMALL_SIZE = 8.5, 7.5

_SETTINGS: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, and is wider than what pages use
    "font.size": POINT_SIZE,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "voicebot",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Plots made and saved inside look alike and come out the same each time."""
    with mpl.rc_context(_SETTINGS):
        yield


def blank_figure(width_in: float, height_in: float) -> Figure:
    """A figure that lays itself out; no pyplot, so nothing global is left behind."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03)  # type: ignore[union-attr,call-arg]
    return figure


def quiet(axes: Axes, *, baseline: bool = True) -> None:
    """No frame but a baseline, no tick marks."""
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(side == "bottom" and baseline)
    axes.tick_params(length=0)
