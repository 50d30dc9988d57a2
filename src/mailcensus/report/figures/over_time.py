"""What happened when."""

from __future__ import annotations

import pyarrow as pa
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mailcensus.report.figures.style import COLOURS, drawing, grid, tell

_HOUR_IN_DAYS = 1 / 24


def ledger_hours(table: pa.Table) -> Figure:
    """Connections begun in each hour, by all stages."""
    hours, attempts = (table[name].to_pylist() for name in ("hour", "attempts"))
    with drawing(2.6) as (figure, axes):
        bars = axes.bar(hours, attempts, width=_HOUR_IN_DAYS, align="edge", color=COLOURS[0], linewidth=0)
        for bar, hour, count in zip(bars, hours, attempts, strict=True):
            tell(bar, f"{hour:%Y-%m-%d %H:%M} UTC: {count:,} connections")
        locator = AutoDateLocator(minticks=2, maxticks=8)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("time (UTC)")
        axes.set_ylabel("connections begun in the hour")
        grid(axes, "y")
    return figure
