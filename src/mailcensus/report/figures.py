"""Print figures: the same drawing as SVG (for the page and for editing) and as PDF (for a paper)."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

_INK = "#010203"
"""Stands for 'the colour of the text' and is replaced by currentColor on the page."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mailcensus",
    "pdf.fonttype": 42,
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_HEADER = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)
_NOT_FOR_A_PAGE = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
"""The licence of the SVG vocabulary, and a style sheet that would apply to the whole page."""


def cluster_size_figure(sizes: Sequence[int], counts: Sequence[int]) -> Figure:
    """Clusters per size, both axes logarithmic.

    Args:
        sizes: hosts in a cluster.
        counts: how many clusters have that size.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.plot(sizes, counts, "o", markersize=5, color="#0072b2", markeredgewidth=0, alpha=0.85)
        axes.set_xlim(1.6, max(10.0, max(sizes, default=2) * 1.6))
        axes.set_ylim(0.7, max(10.0, max(counts, default=1) * 1.6))
        axes.set_xlabel("hosts in the cluster")
        axes.set_ylabel("clusters of that size")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axis.set_minor_locator(NullLocator())
            axis.set_minor_formatter(NullFormatter())
        axes.grid(visible=True, color="#808080", alpha=0.18, linewidth=0.6)
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> Markup:
    """Write `name.svg` and `name.pdf`; return the SVG as markup that takes the page's text colour."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
    (folder / f"{name}.svg").write_text(svg.getvalue(), encoding="utf-8")
    inner = _NOT_FOR_A_PAGE.sub("", _HEADER.sub("", svg.getvalue())).replace(_INK, "currentColor")
    return Markup(inner)
