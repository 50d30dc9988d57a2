"""How often there is how much: sizes of clusters, hosts per certificate and per key."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mailcensus.report.figures.style import (
    COLOURS,
    drawing,
    grid,
    logarithmic,
    percent_axis,
    tell,
    tell_points,
)

_MARKERS = "os^Dv"


def cluster_sizes(table: pa.Table) -> Figure:
    """Clusters per size, both axes logarithmic, out of the table of that name."""
    sizes, counts = (table[name].to_pylist() for name in ("size", "clusters"))
    with drawing(3.2) as (figure, axes):
        logarithmic(axes)
        words = [
            f"{count:,} cluster{'' if count == 1 else 's'} of {size:,} hosts"
            for size, count in zip(sizes, counts, strict=True)
        ]
        tell_points(axes, sizes, counts, words, colour=COLOURS[0])
        axes.set_xlim(1.6, max(10.0, max(sizes, default=2) * 1.6))
        axes.set_ylim(0.7, max(10.0, max(counts, default=1) * 1.6))
        axes.yaxis.set_major_formatter(axes.xaxis.get_major_formatter())
        axes.set_xlabel("hosts in the cluster")
        axes.set_ylabel("clusters of that size")
        grid(axes)
    return figure


def certificate_addresses(table: pa.Table) -> Figure:
    """Complementary distributions of hosts per leaf, a line per group (Holz 2016, figures 6 a to c)."""
    rows = table.to_pylist()
    groups = list(dict.fromkeys(row["leaf_group"] for row in rows))
    lines = [
        (group, *_points([row for row in rows if row["leaf_group"] == group], "addresses"))
        for group in groups
    ]
    return _at_least(lines, "hosts that show the same leaf", "share of leafs on so many or more")


def key_hosts(table: pa.Table) -> Figure:
    """The complementary distribution of hosts per key (Holz 2016, figure 7)."""
    line = ("keys", *_points(table.to_pylist(), "hosts"))
    return _at_least([line], "hosts that show the same key", "share of keys on so many or more")


def hygiene(table: pa.Table) -> Figure | None:
    """Hosts by their number of flaws, a bar for each group; hosts with an unknown one are left out."""
    rows = [row for row in table.to_pylist() if row["hygiene"] is not None and row["share"] is not None]
    if not rows:
        return None
    groups = list(dict.fromkeys(row["group"] for row in rows))
    width = 0.8 / max(1, len(groups))
    with drawing(2.8) as (figure, axes):
        for place, group in enumerate(groups):
            own = {row["hygiene"]: row["share"] for row in rows if row["group"] == group}
            middles = [flaws + (place + 0.5) * width - 0.4 for flaws in own]
            bars = axes.bar(
                middles, list(own.values()), width, color=COLOURS[place % 8], label=group.replace("_", " ")
            )
            for bar, (flaws, share) in zip(bars, own.items(), strict=True):
                tell(bar, f"{group}, {flaws} flaws: {share:.1%}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        percent_axis(axes.yaxis)
        axes.set_xlabel("flaws of six")
        axes.set_ylabel("share of hosts of the group")
        grid(axes, "y")
        axes.legend()
    return figure


def _points(rows: Sequence[dict[str, float]], across: str) -> tuple[list[float], list[float]]:
    points = sorted((row[across], row["at_least_share"]) for row in rows if row["at_least_share"])
    return [x for x, _ in points], [y for _, y in points]


def _at_least(lines: Sequence[tuple[str, list[float], list[float]]], across: str, up: str) -> Figure:
    with drawing(3.2) as (figure, axes):
        logarithmic(axes)
        for place, (name, xs, ys) in enumerate(lines):
            axes.plot(
                xs,
                ys,
                drawstyle="steps-pre",
                linewidth=1,
                markersize=3.5,
                label=name.replace("_", " "),
                color=COLOURS[place % len(COLOURS)],
                marker=_MARKERS[place % len(_MARKERS)],
            )
            words = [
                f"{name.replace('_', ' ')}: {y:.3%} on {x:,} hosts or more"
                for x, y in zip(xs, ys, strict=True)
            ]
            colour, marker = COLOURS[place % len(COLOURS)], _MARKERS[place % len(_MARKERS)]
            tell_points(axes, xs, ys, words, colour=colour, marker=marker)
        widest = max((x for _, xs, _ in lines for x in xs), default=1)
        axes.set_xlim(0.85, max(10.0, widest * 1.6))
        axes.set_ylim(min((y for _, _, ys in lines for y in ys), default=0.1) * 0.6, 1.3)
        percent_axis(axes.yaxis)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        grid(axes)
        if len(lines) > 1:
            axes.legend()
    return figure
