"""What one vantage got to see beside the others, service by service, where several asked one run.

Each asked networks of its own, drawn by a hash of their numbers, so that their shares should be alike: one that differs
by more than chance has another way to the Internet, or is blocked by somebody. Hosts of one network are alike, so
chance is that of drawing networks and not hosts: the variance of a share is that of a ratio estimated from clusters
(W. G. Cochran, Sampling Techniques, 3rd ed. 1977, section 11.8), and nothing is said where there are too few of them.
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

LEAST_NETWORKS = 10
"""On each side of a comparison; the interval takes the estimate for normally distributed."""
_LAST_OCTET = r"\.[0-9]+$"
_GROUP = "[0-9a-f]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class VantageServiceRow:
    """One vantage and one service, beside the other vantages."""

    vantage: Annotated[str, Column("name of the machine that asked")]
    service: Annotated[str, Column("service asked")]
    networks: Annotated[int, Column("/24s and /48s in which it asked")]
    hosts: Annotated[int, Column("hosts it asked")]
    ok: Annotated[int, Column("of these: the grab ended ok")]
    timeouts: Annotated[int, Column("of these: kept silent")]
    rate_limited: Annotated[int, Column('of these: said "later" to the end')]
    share: Annotated[float, Column("ok / hosts")]
    others_hosts: Annotated[int, Column("hosts that all other vantages asked")]
    others_ok: Annotated[int, Column("of these: the grab ended ok")]
    others_share: Annotated[float, Column("others_ok / others_hosts")]
    difference: Annotated[float, Column("share - others_share")]
    low: Annotated[
        float | None,
        Column("lower end of the 95 % interval of the difference; null: fewer than 10 networks on a side"),
    ]
    high: Annotated[float | None, Column("upper end of it")]
    differs: Annotated[bool | None, Column("the interval does not hold zero; null: nobody can tell")]


def vantage_services(evidence: Evidence) -> ibis.Table:
    """One row per vantage and service; the greatest differences first. None where one machine asked everybody."""
    if not _are_several(evidence):
        return ibis.memtable(schema_of(VantageServiceRow).empty_table())
    rows = _beside_others(_sums(_by_network(evidence)))
    rows = rows.mutate(
        share=rows.ok.cast("float64") / rows.hosts,
        others_share=rows.others_ok.cast("float64") / rows.others_hosts,
    )
    half = Z_95 * (_variance(rows, "", rows.share) + _variance(rows, "others_", rows.others_share)).sqrt()
    enough = (rows.networks >= LEAST_NETWORKS) & (rows.others_networks >= LEAST_NETWORKS)
    difference = rows.share - rows.others_share
    rows = rows.mutate(
        difference=difference,
        low=ibis.ifelse(enough, difference - half, None),
        high=ibis.ifelse(enough, difference + half, None),
    )
    rows = rows.mutate(differs=(rows.low > 0) | (rows.high < 0))
    return rows.order_by(ibis.desc(rows["difference"].abs()), "vantage", "service")


def _are_several(evidence: Evidence) -> bool:
    named = evidence.runs.vantage.to_pyarrow().to_pylist()
    return any(VANTAGES_JOINED_BY in name for name in named)


def _by_network(evidence: Evidence) -> ibis.Table:
    """Final grabs counted by vantage, service and network."""
    columns = ["run_id", "vantage", "ip", "service", "attempt", "outcome"]
    grabs = final_grabs(evidence.dataset.table("grabs").select(*columns), evidence.run_id)
    is_v6 = grabs.ip.contains(":")
    grabs = grabs.mutate(network=ibis.ifelse(is_v6, _first_48_bits(grabs.ip), _first_24_bits(grabs.ip)))
    return grabs.group_by("vantage", "service", "network").agg(
        hosts=grabs.count(),
        ok=(grabs.outcome == Outcome.OK).sum(),
        timeouts=(grabs.outcome == Outcome.TIMEOUT).sum(),
        rate_limited=(grabs.outcome == Outcome.RATE_LIMITED).sum(),
    )


def _first_24_bits(ip: ir.StringColumn) -> ir.StringValue:
    return ip.re_replace(_LAST_OCTET, "")


def _first_48_bits(ip: ir.StringColumn) -> ir.StringValue:
    """Three groups. Groups of zero that "::" stands for are written out: 2001:db8:0:1:: is in the /48 of 2001:db8::1.

    "::" is more than one group, and the first of them it can find (RFC 5952 section 4.2): behind it there is none of
    the three. Addresses below ::/16 are nobody's.
    """
    patterns = (f"^({_GROUP})", f"^{_GROUP}:({_GROUP})", f"^{_GROUP}:{_GROUP}:({_GROUP})")
    first, second, third = (ip.re_extract(pattern, 1).nullif("").fill_null("0") for pattern in patterns)
    return first + ":" + second + ":" + third


def _sums(by_network: ibis.Table) -> ibis.Table:
    """What shares and their variances are made of, by vantage and service."""
    ok, hosts = by_network.ok, by_network.hosts
    return by_network.group_by("vantage", "service").agg(
        networks=by_network.count(),
        hosts=hosts.sum(),
        ok=ok.sum(),
        timeouts=by_network.timeouts.sum(),
        rate_limited=by_network.rate_limited.sum(),
        ok_ok=(ok * ok).sum(),
        ok_hosts=(ok * hosts).sum(),
        hosts_hosts=(hosts * hosts).sum(),
    )


def _beside_others(sums: ibis.Table) -> ibis.Table:
    """Each vantage's sums with those of all others as `others_...`; where there are no others, no row."""
    names = ("networks", "hosts", "ok", "ok_ok", "ok_hosts", "hosts_hosts")
    totals = sums.group_by("service").agg(**{f"all_{name}": sums[name].sum() for name in names})
    rows = sums.join(totals, "service")
    rows = rows.mutate(**{f"others_{name}": rows[f"all_{name}"] - rows[name] for name in names})
    return rows.filter(rows.others_hosts > 0)


def _variance(rows: ibis.Table, whose: str, share: ir.FloatingColumn) -> ir.FloatingValue:
    """Of a share: the squares of what each network's ok differ from the share of its hosts, over the hosts squared."""
    networks, hosts = (rows[f"{whose}{name}"].cast("float64") for name in ("networks", "hosts"))
    ok_ok, ok_hosts, hosts_hosts = (
        rows[f"{whose}{name}"].cast("float64") for name in ("ok_ok", "ok_hosts", "hosts_hosts")
    )
    squares = ok_ok - 2 * share * ok_hosts + share * share * hosts_hosts
    not_negative = ibis.greatest(squares, 0.0)  # but for rounding it is none
    return not_negative * networks / ibis.greatest(networks - 1, 1.0) / (hosts * hosts)
