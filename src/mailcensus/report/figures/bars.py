"""Shares by service as stacked bars, and counts as simple ones; None where no share is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mailcensus.report.figures.style import colours, drawing, grid, percent_axis, tell

_BAR_INCHES = 0.27
_FRAME_INCHES = 1.1
_BARS_MAX = 30
_LEGEND_COLUMNS = 4

_Rows = Sequence[Mapping[str, Any]]


def tls_versions(table: pa.Table) -> Figure | None:
    """Versions chosen, by service (Holz 2016, table IV)."""
    return stacked(table.to_pylist(), "version", "share of handshakes")


def cipher_classes(table: pa.Table) -> Figure | None:
    """Classes of suites chosen, by service (Holz 2016, figure 3)."""
    return stacked(table.to_pylist(), "cipher_class", "share of handshakes whose suite is known")


def chain_statuses(table: pa.Table) -> Figure | None:
    """Verdicts on chains, by service, of the first root store (Holz 2016, figure 4)."""
    rows = table.to_pylist()
    store = rows[0]["root_store"]
    return stacked(
        [row for row in rows if row["root_store"] == store], "status", f"share of chains judged by {store}"
    )


def passive_versions(table: pa.Table) -> Figure | None:
    """Versions agreed on, by service, of connections (Holz 2016, table IV, passive)."""
    return stacked(_of_connections(table), "version", "share of connections with TLS established")


def passive_cipher_classes(table: pa.Table) -> Figure | None:
    """Classes of suites agreed on, by service, of connections (Holz 2016, figure 3)."""
    return stacked(_of_connections(table), "cipher_class", "share of connections whose suite is known")


def passive_chain_statuses(table: pa.Table) -> Figure | None:
    """Verdicts of the first judge, by service: a bar of connections and one of servers (Holz 2016, figure 5)."""
    judge = table["judge"][0].as_py()
    rows = [row for row in table.to_pylist() if row["judge"] == judge]
    each = [
        row | {"service": f"{row['service']}, {whose}s", "share": row[f"{whose}_share"]}
        for service in dict.fromkeys(row["service"] for row in rows)
        for whose in ("connection", "server")
        for row in rows
        if row["service"] == service
    ]
    figure = stacked(each, "status", f"share of those judged ({judge}); servers may show several")
    if figure is not None:
        ends: dict[str, float] = {}
        for row in each:
            ends[row["service"]] = ends.get(row["service"], 0.0) + (row["share"] or 0.0)
        figure.axes[0].set_xlim(0, max(1.0, *ends.values()))
    return figure


def cause_summary(table: pa.Table) -> Figure | None:
    """Hosts in clusters, by the reading of why they share."""
    rows = [row for row in table.to_pylist() if row["hosts"]]
    return _counts([(row["reading"], row["hosts"]) for row in rows], "hosts")


def key_findings(table: pa.Table) -> Figure | None:
    """Keys by kind of finding."""
    rows = [row for row in table.to_pylist() if row["keys"]]
    return _counts([(row["finding"], row["keys"]) for row in rows], "keys")


def canary_record(table: pa.Table) -> Figure | None:
    """The share of questions that each canary answered; the most silent first."""
    rows = [row for row in table.to_pylist() if row["share"] is not None][:_BARS_MAX]
    bars = [(f"{row['ip']} port {row['port']}", row["share"]) for row in rows]
    return horizontal(bars, "share of questions answered", is_share=True)


def noise_ports(table: pa.Table) -> Figure | None:
    """The share of the random sample that answers on each noise port, with its interval."""
    rows = [row for row in table.to_pylist() if row["share"] is not None]
    if not rows:
        return None
    with drawing(_FRAME_INCHES + _BAR_INCHES * len(rows)) as (figure, axes):
        for place, row in enumerate(rows):
            low, high = row["share"] - row["share_low"], row["share_high"] - row["share"]
            drawn = axes.errorbar(
                row["share"],
                place,
                xerr=[[low], [high]],
                fmt="o",
                color=colours(1)[0],
                capsize=3,
                markersize=5,
            )
            interval = f"{row['share_low']:.3%} to {row['share_high']:.3%}"
            tell(drawn.lines[0], f"port {row['port']}: {row['share']:.3%}, 95 % interval {interval}")
        axes.set_yticks(range(len(rows)), [f"port {row['port']}" for row in rows])
        axes.set_xlim(left=0)
        axes.set_xlabel("share of the sample that answers, with its 95 % interval")
        percent_axis(axes.xaxis)
        grid(axes, "x")
    return figure


def _of_connections(table: pa.Table) -> _Rows:
    return [row | {"share": row["connection_share"]} for row in table.to_pylist()]


def stacked(rows: _Rows, by: str, across: str, bar: str = "service") -> Figure | None:
    """A bar for each value of the column `bar`, made of the shares (`share`) of the values of `by`, in their order."""
    known = [row for row in rows if row["share"] is not None]
    if not known:
        return None
    names = list(dict.fromkeys(row[bar] for row in known))
    kinds = list(dict.fromkeys(row[by] for row in known))
    ends = dict.fromkeys(names, 0.0)
    with drawing(_FRAME_INCHES + 0.3 + _BAR_INCHES * len(names)) as (figure, axes):
        for kind, colour in zip(kinds, colours(len(kinds)), strict=True):
            own = {row[bar]: row["share"] for row in known if row[by] == kind}
            lefts = [ends[name] for name in own]
            places = [names.index(name) for name in own]
            words = str(kind).replace("_", " ")
            bars = axes.barh(places, list(own.values()), left=lefts, color=colour, label=words, height=0.72)
            for drawn, (name, share) in zip(bars, own.items(), strict=True):
                tell(drawn, f"{name}, {words}: {share:.1%}")
                ends[name] += share
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xlabel(across)
        percent_axis(axes.xaxis)
        grid(axes, "x")
        figure.legend(loc="outside upper left", ncols=_LEGEND_COLUMNS)
    return figure


def _counts(bars: Sequence[tuple[str, int]], across: str) -> Figure | None:
    return horizontal([(name.replace("_", " "), count) for name, count in bars], across, is_share=False)


def horizontal(bars: Sequence[tuple[str, float]], across: str, *, is_share: bool) -> Figure | None:
    """A bar for each name and value, first at the top; None: there is none."""
    if not bars:
        return None
    with drawing(_FRAME_INCHES + _BAR_INCHES * len(bars)) as (figure, axes):
        drawn = axes.barh(range(len(bars)), [value for _, value in bars], color=colours(1)[0], height=0.72)
        for bar, (name, value) in zip(drawn, bars, strict=True):
            tell(bar, f"{name}: {value:.1%}" if is_share else f"{name}: {value:,}")
        axes.set_yticks(range(len(bars)), [name for name, _ in bars])
        axes.invert_yaxis()
        axes.set_xlabel(across)
        if is_share:
            axes.set_xlim(0, 1)
            percent_axis(axes.xaxis)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        grid(axes, "x")
    return figure
