"""Figures of the domain study: distributions over domains and servers, shares by group, and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mailcensus.analysis.mail_domains.domains import ALL
from mailcensus.report.figures.bars import horizontal, stacked
from mailcensus.report.figures.style import COLOURS, drawing, grid, logarithmic, percent_axis, tell_points
from mailcensus.report.maps import Area, Dot, draw_map

_UNITS_MAX = 16
"""Beyond it a curve of units per domain has next to nothing left to show."""
_BARS_MAX = 15
_GROUPS_MAX = 8
_MARKERS = "os^Dv<>P"
_WORDS = {
    "preference": "preferences", "exchange": "exchanges", "address": "addresses", "network": "networks",
    "as": "ASes", "location": "locations", "country": "countries", "provider": "providers",
}  # fmt: skip
_ONE = {"as": "AS of", "location": "location", "country": "country", "provider": "provider"}
"""Levels of `shared_fate` that the figure shows."""
_PARTIES = ("third", "mixed", "first", "unknown")
_RANKS = {1: "tried first", 2: "second"}
_LATER = "third or later"

_Rows = Sequence[Mapping[str, Any]]


def mail_states(table: pa.Table) -> Figure | None:
    """Where mail goes, by group."""
    return stacked(_groups(table.to_pylist()), "mail", "share of domains", "group")


def preference_ranks(table: pa.Table) -> Figure | None:
    """Ranks of exchanges, by group; the third and later ones together."""
    counts: dict[tuple[str, str], float] = {}
    for row in _groups(table.to_pylist()):
        key = (row["group"], _RANKS.get(row["rank"], _LATER))
        counts[key] = counts.get(key, 0.0) + row["share"]
    rows = [{"group": group, "rank": rank, "share": share} for (group, rank), share in counts.items()]
    return stacked(rows, "rank", "share of a domain's exchanges, over all domains of the group", "group")


def server_countries(table: pa.Table) -> Figure | None:
    """Exchanges by country, on a logarithmic axis (Hayes 2024, figure 1)."""
    rows = [row for row in _all(table) if row["country"] is not None]
    bars = sorted(((row["country"], row["exchanges"]) for row in rows), key=lambda bar: -bar[1])[
        : 2 * _BARS_MAX
    ]
    figure = horizontal(bars, "exchanges with a server there (logarithmic)", is_share=False)
    if figure is not None:
        axes = figure.axes[0]
        axes.set_xscale("log")
        axes.set_xlim(left=0.5)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return figure


def units_per_domain(table: pa.Table) -> Figure | None:
    """The cumulative distributions of what a domain has, a line for each level (Hayes 2024)."""
    rows = [row for row in _all(table) if row["level"] != "preference"]
    levels = list(dict.fromkeys(row["level"] for row in rows))
    lines = [(_WORDS[level], [row for row in rows if row["level"] == level]) for level in levels]
    return _cumulative(lines, "so many, or fewer")


def locations_by_group(table: pa.Table) -> Figure | None:
    """The cumulative distribution of locations per domain, a line for each group."""
    rows = [row for row in table.to_pylist() if row["level"] == "location"]
    groups = list(dict.fromkeys(row["group"] for row in rows))[:_GROUPS_MAX]
    if len(groups) < 2:
        return None
    return _cumulative(
        [(group, [row for row in rows if row["group"] == group]) for group in groups],
        "locations, or fewer",
    )


def domains_per_unit(table: pa.Table) -> Figure | None:
    """Complementary distributions of domains per unit, a line for each level; both axes logarithmic."""
    rows = _all(table)
    levels = [level for level in _WORDS if any(row["level"] == level for row in rows)]
    if not levels:
        return None
    with drawing(3.4) as (figure, axes):
        logarithmic(axes)
        for place, level in enumerate(levels):
            own = [row for row in rows if row["level"] == level]
            axes.plot(
                [row["domains"] for row in own], [row["at_least_share"] for row in own], drawstyle="steps-pre",
                linewidth=1, marker=_MARKERS[place % len(_MARKERS)], markersize=2.5, label=_WORDS[level],
                color=COLOURS[place % len(COLOURS)],
            )  # fmt: skip
            served, shares = ([row[name] for row in own] for name in ("domains", "at_least_share"))
            words = [
                f"{_WORDS[level]}: {y:.3%} serve {x:,} domains or more"
                for x, y in zip(served, shares, strict=True)
            ]
            tell_points(axes, served, shares, words, colour=COLOURS[place % len(COLOURS)])
        axes.set_ylim(min(row["at_least_share"] for row in rows) * 0.6, 1.3)
        percent_axis(axes.yaxis)
        axes.set_xlabel("domains that it serves, or more")
        axes.set_ylabel("share of exchanges, addresses, ...")
        grid(axes)
        axes.legend()
    return figure


def shared_fate(table: pa.Table) -> Figure | None:
    """With the failure of what most domains would lose mail."""
    rows = [row for row in _all(table) if row["lost"] and row["level"] in _ONE]
    top = sorted(rows, key=lambda row: -row["lost"])[:_BARS_MAX]
    bars = [(f"{_ONE[row['level']]} {_short(row['words'] or row['unit'])}", row["lost_share"]) for row in top]
    return horizontal(bars, "share of domains that lose all mail", is_share=True)


def mail_parties(table: pa.Table) -> Figure | None:
    """Parties by group: of domains by evidence, where there is any; else of exchanges by the rule of names."""
    rows = _groups(table.to_pylist())
    by_evidence = [row for row in rows if (row["counted"], row["method"]) == ("domains", "evidence")]
    by_name = [row for row in rows if (row["counted"], row["method"]) == ("exchanges", "name_rule")]
    chosen, what = (by_evidence, "domains, by evidence") if by_evidence else (by_name, "exchanges, by names")
    ordered = sorted(chosen, key=lambda row: (_order(chosen, row), _PARTIES.index(row["party"])))
    return stacked(ordered, "party", f"share of {what}", "group")


def _order(rows: _Rows, row: Mapping[str, Any]) -> int:
    return list(dict.fromkeys(each["group"] for each in rows)).index(row["group"])


def mail_providers(table: pa.Table) -> Figure | None:
    """The largest providers, by who takes mail first."""
    rows = [row for row in _all(table) if row["market"] == "first_hop"][:_BARS_MAX]
    bars = [(_short(row["name"] or row["provider"]), row["share"]) for row in rows]
    return horizontal(bars, "share of domains whose provider is known", is_share=True)


def dns_security(table: pa.Table) -> Figure | None:
    """What domains have adopted."""
    bars = [
        (row["measure"].replace("_", " "), row["share"]) for row in _all(table) if row["share"] is not None
    ]
    return horizontal(bars, "share of domains of which it is known", is_share=True)


def domain_tls(table: pa.Table) -> Figure | None:
    """Domains all of whose exchanges do as each criterion wants."""
    rows = [row for row in _all(table) if row["exchanges"] == "every" and row["share"] is not None]
    bars = [(row["criterion"].replace("_", "-"), row["share"]) for row in rows]
    return horizontal(bars, "share of domains of which it is known", is_share=True)


def world_by_rank(table: pa.Table) -> Figure | None:
    """Locations on the world, by the best rank of a server there (Hayes 2024, figures 2 and 3)."""
    return _map(_all(table), Area.WORLD, "rank")


def world_by_operator(table: pa.Table) -> Figure | None:
    """Locations on the world, by who serves most domains there."""
    return _by_operator(_all(table), Area.WORLD)


def states_by_rank(table: pa.Table) -> Figure | None:
    """Locations in the United States, by rank."""
    return _map(_in_states(table), Area.UNITED_STATES, "rank")


def states_by_operator(table: pa.Table) -> Figure | None:
    """Locations in the United States, by operator."""
    return _by_operator(_in_states(table), Area.UNITED_STATES)


def home_by_rank(table: pa.Table) -> Figure | None:
    """Locations in the study's own country, by rank; none of the United States, which have a map of their own."""
    return _map(_at_home(table), Area.FITTED, "rank")


def home_by_operator(table: pa.Table) -> Figure | None:
    """The same by operator."""
    return _by_operator(_at_home(table), Area.FITTED)


def _in_states(table: pa.Table) -> _Rows:
    return [row for row in _all(table) if row["country"] == "US"]


def _at_home(table: pa.Table) -> _Rows:
    return [row for row in _all(table) if row["foreign"] is False and row["country"] != "US"]


def _by_operator(rows: _Rows, area: Area) -> Figure | None:
    return _map(rows, area, "operator") if any(row["operator"] is not None for row in rows) else None


def _map(rows: _Rows, area: Area, by: str) -> Figure | None:
    dots = [
        Dot(row["latitude"], row["longitude"], _kind(row, by), row["domains"], _place(row)) for row in rows
    ]
    return draw_map(dots, area, counted="domains", kinds=(*_RANKS.values(), _LATER) if by == "rank" else ())


def _kind(row: Mapping[str, Any], by: str) -> str:
    if by == "rank":
        return _RANKS.get(row["best_rank"], _LATER)
    return row["operator"] or "unknown"


def _place(row: Mapping[str, Any]) -> str:
    return ", ".join(word for word in (row["city"], row["region"], row["country"]) if word)


def _cumulative(lines: Sequence[tuple[str, _Rows]], across: str) -> Figure | None:
    lines = [(name, rows) for name, rows in lines if rows]
    if not lines:
        return None
    with drawing(3.2) as (figure, axes):
        widest = min(_UNITS_MAX, max(row["units"] for _, rows in lines for row in rows))
        for place, (name, rows) in enumerate(lines):
            xs = [0, *(row["units"] for row in rows), widest + 1]
            ys = [0.0, *(row["at_most_share"] for row in rows), 1.0]
            axes.step(
                xs, ys, where="post", linewidth=1.4, label=name, color=COLOURS[place % len(COLOURS)],
                linestyle="-" if place < len(COLOURS) else "--",
            )  # fmt: skip
            words = [f"{name}: {row['at_most_share']:.1%} have {row['units']} or fewer" for row in rows]
            shares = [row["at_most_share"] for row in rows]
            tell_points(
                axes, [row["units"] for row in rows], shares, words, colour=COLOURS[place % len(COLOURS)]
            )
        axes.set_xlim(0, widest + 0.5)
        axes.set_ylim(0, 1.02)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        percent_axis(axes.yaxis)
        axes.set_xlabel(across)
        axes.set_ylabel("share of domains")
        grid(axes)
        axes.legend(loc="lower right")
    return figure


def _all(table: pa.Table) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if row["group"] == ALL]


def _groups(rows: _Rows) -> _Rows:
    """The rows of the first groups, all domains among them under that name."""
    kept = list(dict.fromkeys(row["group"] for row in rows))[: _GROUPS_MAX + 2]
    return [
        {**row, "group": "all domains" if row["group"] == ALL else row["group"]}
        for row in rows
        if row["group"] in kept
    ]


def _short(words: str) -> str:
    return words if len(words) <= 40 else f"{words[:39]}…"
