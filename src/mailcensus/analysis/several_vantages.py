"""What one vantage got to see beside the others, service by service, where several asked one run.

Each asked networks of its own, drawn by a hash of their numbers, so that their shares should be alike: one that differs
by more than chance has another way to the Internet, or is blocked by somebody. The interval of a difference is
Newcombe's hybrid of two Wilson intervals (R. G. Newcombe, Statistics in Medicine 17 (1998) 873, method 10). It takes
hosts for independent; those of one network are alike, so chance differs by somewhat more than it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis
import ibis.expr.types as ir

from mailcensus.analysis.estimate import Z_95
from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import final_grabs
from mailcensus.model import Column, Outcome, schema_of
from mailcensus.model.run import VANTAGES_JOINED_BY


@dataclass(frozen=True, slots=True, kw_only=True)
class VantageServiceRow:
    """One vantage and one service, beside the other vantages."""

    vantage: Annotated[str, Column("name of the machine that asked")]
    service: Annotated[str, Column("service asked")]
    hosts: Annotated[int, Column("hosts it asked")]
    ok: Annotated[int, Column("of these: the grab ended ok")]
    timeouts: Annotated[int, Column("of these: kept silent")]
    rate_limited: Annotated[int, Column('of these: said "later" to the end')]
    share: Annotated[float, Column("ok / hosts")]
    others: Annotated[int, Column("hosts that all other vantages asked")]
    others_ok: Annotated[int, Column("of these: the grab ended ok")]
    others_share: Annotated[float, Column("others_ok / others")]
    difference: Annotated[float, Column("share - others_share")]
    low: Annotated[float, Column("lower end of the 95 % interval of the difference (Newcombe)")]
    high: Annotated[float, Column("upper end of it")]
    differs: Annotated[bool, Column("the interval does not hold zero")]


def vantage_services(evidence: Evidence) -> ibis.Table:
    """One row per vantage and service; the greatest differences first. None where one machine asked everybody."""
    if not _are_several(evidence):
        return ibis.memtable(schema_of(VantageServiceRow).empty_table())
    columns = ["run_id", "vantage", "ip", "service", "attempt", "outcome"]
    grabs = final_grabs(evidence.dataset.table("grabs").select(*columns), evidence.run_id)
    counts = grabs.group_by("vantage", "service").agg(
        hosts=grabs.count(),
        ok=(grabs.outcome == Outcome.OK).sum(),
        timeouts=(grabs.outcome == Outcome.TIMEOUT).sum(),
        rate_limited=(grabs.outcome == Outcome.RATE_LIMITED).sum(),
    )
    totals = counts.group_by("service").agg(all_hosts=counts.hosts.sum(), all_ok=counts.ok.sum())
    rows = counts.join(totals, "service")
    rows = rows.mutate(others=rows.all_hosts - rows.hosts, others_ok=rows.all_ok - rows.ok)
    rows = rows.filter(rows.others > 0)
    rows = rows.mutate(
        share=rows.ok.cast("float64") / rows.hosts,
        others_share=rows.others_ok.cast("float64") / rows.others,
    )
    low, high = _wilson(rows.share, rows.hosts)
    others_low, others_high = _wilson(rows.others_share, rows.others)
    difference = rows.share - rows.others_share
    rows = rows.mutate(
        difference=difference,
        low=difference - _hypotenuse(rows.share - low, others_high - rows.others_share),
        high=difference + _hypotenuse(high - rows.share, rows.others_share - others_low),
    )
    rows = rows.mutate(differs=(rows.low > 0) | (rows.high < 0))
    return rows.order_by(ibis.desc(rows["difference"].abs()), "vantage", "service")


def _are_several(evidence: Evidence) -> bool:
    named = evidence.runs.vantage.to_pyarrow().to_pylist()
    return any(VANTAGES_JOINED_BY in name for name in named)


def _wilson(share: ir.FloatingColumn, hosts: ir.IntegerColumn) -> tuple[ir.FloatingValue, ir.FloatingValue]:
    """The 95 % interval of a share, as `estimate.wilson_interval` has it for an endless population."""
    count = hosts.cast("float64")
    z_squared = Z_95**2
    middle = share + z_squared / (2 * count)
    half = ((share * (1 - share) / count + z_squared / (4 * count * count)) * z_squared).sqrt()
    scale = 1 + z_squared / count
    return (middle - half) / scale, (middle + half) / scale


def _hypotenuse(one: ir.FloatingValue, other: ir.FloatingValue) -> ir.FloatingValue:
    return (one * one + other * other).sqrt()
