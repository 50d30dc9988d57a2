"""One style for every figure, and its files: SVG (for the page and for editing) and PDF (for a paper)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
"""Okabe and Ito's colour-blind-safe set, https://jfly.uni-koeln.de/color/."""
_INK = "#010203"
"""Stands for 'the colour of the text' and is replaced by currentColor on the page."""
_WIDTH_INCHES = 6.4
POINTS_MAX = 300
"""Points of a line that tell their words: each is an element of the page."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mailcensus",
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_HEADER = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)
_NOT_FOR_A_PAGE = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
"""The licence of the SVG vocabulary, and a style sheet that would apply to the whole page."""
_NAMED = re.compile(r'(?P<before>\bid="|url\(#|href="#)')
_PATH = re.compile(r'(?<= d=")[^"]*')
_DECIMALS = re.compile(r"(\.\d\d)\d+")
_TOLD = re.compile(r'<g id="told-(?P<words>[0-9a-f]*)(?:-of-(?P<group>[0-9a-f]*))?">')


@contextmanager
def drawing(height_inches: float) -> Iterator[tuple[Figure, Axes]]:
    """An empty figure with one pair of axes, in our style."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_INCHES, height_inches), layout="constrained")
        yield figure, figure.add_subplot()


def tell(artist: Artist, words: str, *, group: str | None = None) -> None:
    """What a page shows of a mark while the pointer is on it; marks of one group can be hidden together."""
    of = "" if group is None else f"-of-{group.encode().hex()}"
    artist.set_gid(f"told-{words.encode().hex()}{of}")


def tell_points(
    axes: Axes,
    xs: Sequence[float],
    ys: Sequence[float],
    words: Sequence[str],
    *,
    colour: str,
    marker: str = "o",
) -> None:
    """Points of which a page can show each one's words; of more than POINTS_MAX, so many from end to end."""
    step = -(-len(xs) // POINTS_MAX) or 1
    for x, y, told in list(zip(xs, ys, words, strict=True))[::step]:
        (point,) = axes.plot([x], [y], marker, markersize=4.5, color=colour, markeredgewidth=0, alpha=0.85)
        tell(point, told)


def logarithmic(axes: Axes) -> None:
    """Both axes logarithmic, with numbers that people read."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def percent_axis(axis: Any) -> None:
    """Ticks of an axis of shares as per cent; few digits, but never a zero that is none."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:,.4g} %"))


def grid(axes: Axes, axis: str = "both") -> None:
    """Faint lines behind the marks."""
    axes.grid(visible=True, axis=axis, color="#808080", alpha=0.18, linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def colours(count: int) -> Sequence[str]:
    """So many colours; they come again after eight."""
    return [COLOURS[place % len(COLOURS)] for place in range(count)]


def save_figure(figure: Figure, folder: Path, name: str) -> Markup:
    """Write `name.svg` and `name.pdf`; return the SVG as markup that takes the page's text colour.

    Names within the markup begin with the figure's, so that several figures stand on one page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
    told = _PATH.sub(_rounded, _TOLD.sub(_title, svg.getvalue()))
    (folder / f"{name}.svg").write_text(told.replace(_INK, "#000000"), encoding="utf-8")
    inner = _NOT_FOR_A_PAGE.sub("", _HEADER.sub("", told)).replace(_INK, "currentColor")
    return Markup(_NAMED.sub(rf"\g<before>{name}-", inner))


def _rounded(match: re.Match[str]) -> str:
    """A path to a hundredth of a point: half as long, and nobody sees less."""
    return " ".join(_DECIMALS.sub(r"\1", match[0]).split())


def _title(match: re.Match[str]) -> str:
    words = bytes.fromhex(match["words"]).decode()
    group = bytes.fromhex(match["group"] or "").decode()
    of = f' data-group="{escape(group)}"' if match["group"] is not None else ""
    return f'<g class="told"{of}><title>{escape(words)}</title>'
