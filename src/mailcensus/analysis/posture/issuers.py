"""The market of issuers: whose certificates hosts show."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from itertools import accumulate, groupby
from typing import Annotated

import ibis
import pyarrow as pa

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.leaves import leaves
from mailcensus.model import Column, schema_of

VALID, ISSUED = "valid", "not_self_issued"
ISSUERS_MAX = 1_000
_PARTS = re.compile(r"((?:\\.?|[^\\,+])*)(?:[,+]|$)", re.DOTALL)
"""Attributes of a name, RFC 4514 section 2: commas and plus signs part them unless they are escaped."""
_ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerRow:
    """One organisation that issues certificates."""

    market: Annotated[
        str,
        Column("valid: leafs that the main root store finds valid; not_self_issued: all that another issued"),
    ]
    rank: Annotated[int, Column("1 issued most leafs of this market")]
    organisation: Annotated[
        str, Column("organisation (O) of the issuer's name; the whole name where it has none; empty: no name")
    ]
    certificates: Annotated[int, Column("different leafs it issued")]
    market_certificates: Annotated[int, Column("different leafs of this market")]
    share: Annotated[float, Column("certificates / market_certificates")]
    cumulative_share: Annotated[float, Column("the same, with all organisations of a smaller rank")]
    leaf_hosts: Annotated[int, Column("pairs of a host and one of these leafs that it shows")]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRow:
    """How concentrated a market of issuers is."""

    market: Annotated[str, Column("as in the table issuers")]
    certificates: Annotated[int, Column("different leafs of this market")]
    organisations: Annotated[int, Column("organisations that issued them")]
    hhi: Annotated[
        float | None,
        Column("Herfindahl-Hirschman index: sum of squared shares in per cent, 10,000 is one issuer for all"),
    ]
    top_1_share: Annotated[float | None, Column("leafs of the first organisation / certificates")]
    top_3_share: Annotated[float | None, Column("leafs of the first three / certificates")]
    top_5_share: Annotated[float | None, Column("leafs of the first five / certificates")]
    top_10_share: Annotated[float | None, Column("leafs of the first ten / certificates")]


def organisation_of(name: str | None) -> str:
    """The organisation in a name as RFC 4514 writes it, escapes undone; else the name itself."""
    found = next((part[1][2:] for part in _PARTS.finditer(name or "") if part[1].startswith("O=")), "")
    if not found:
        return name or ""
    plain = _ESCAPED.sub(_unescaped, found.encode("utf-8", "surrogateescape"))
    return plain.decode("utf-8", "replace")


def issuers(evidence: Evidence) -> ibis.Table:
    """Organisations by the leafs they issued.

    Returns:
        The ISSUERS_MAX largest of each market; `certificates` out of `market_certificates`.
    """
    rows = [row for market in _markets(evidence).values() for row in market[:ISSUERS_MAX]]
    return _table(evidence, "issuers", IssuerRow, rows)


def issuer_market(evidence: Evidence) -> ibis.Table:
    """Two rows: the markets of valid leafs, and of all that are not self-issued."""
    markets = _markets(evidence)
    return _table(
        evidence,
        "issuer_market",
        MarketRow,
        [_market(name, markets.get(name, [])) for name in (VALID, ISSUED)],
    )


def _markets(evidence: Evidence) -> dict[str, list[IssuerRow]]:
    return evidence.once("issuer_markets", lambda: _worked_out(evidence))


def _worked_out(evidence: Evidence) -> dict[str, list[IssuerRow]]:
    shown = leaves(evidence)
    issued = shown.filter(~shown.self_issued)
    alike = issued.group_by("issuer", valid=issued.valid.fill_null(False)).agg(
        certificates=issued.count(), leaf_hosts=issued.hosts.sum().cast("int64")
    )
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in alike.to_pyarrow().to_pylist():
        organisation = organisation_of(row["issuer"])
        for market in (VALID, ISSUED) if row["valid"] else (ISSUED,):
            certificates, hosts = found.get((market, organisation), (0, 0))
            found[market, organisation] = (certificates + row["certificates"], hosts + row["leaf_hosts"])
    ordered = sorted((market != VALID, -n, name, hosts) for (market, name), (n, hosts) in found.items())
    return {
        ISSUED if other else VALID: _ranked(ISSUED if other else VALID, [row[1:] for row in rows])
        for other, rows in groupby(ordered, key=lambda row: row[0])
    }


def _ranked(market: str, rows: list[tuple[int, str, int]]) -> list[IssuerRow]:
    whole = -sum(row[0] for row in rows)
    sums = accumulate(-row[0] for row in rows)
    return [
        IssuerRow(
            market=market,
            rank=rank,
            organisation=name,
            certificates=-negative,
            market_certificates=whole,
            share=-negative / whole,
            cumulative_share=up_to_here / whole,
            leaf_hosts=hosts,
        )
        for rank, ((negative, name, hosts), up_to_here) in enumerate(zip(rows, sums, strict=True), 1)
    ]


def _market(name: str, rows: list[IssuerRow]) -> MarketRow:
    def top(count: int) -> float | None:
        return rows[: min(count, len(rows))][-1].cumulative_share if rows else None

    return MarketRow(
        market=name,
        certificates=rows[0].market_certificates if rows else 0,
        organisations=len(rows),
        hhi=sum((100 * row.share) ** 2 for row in rows) if rows else None,
        top_1_share=top(1),
        top_3_share=top(3),
        top_5_share=top(5),
        top_10_share=top(10),
    )


def _unescaped(found: re.Match[bytes]) -> bytes:
    escaped = found[1]
    return bytes.fromhex(escaped.decode()) if len(escaped) == 2 else escaped


def _table(
    evidence: Evidence, name: str, record: type, rows: list[IssuerRow] | list[MarketRow]
) -> ibis.Table:
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=schema_of(record))
    return evidence.dataset.put(f"{name}_rows", table)
