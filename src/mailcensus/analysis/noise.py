"""How many hits are noise: addresses that answer on any port, by a sample and by asking the hits themselves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil, floor
from typing import Annotated, Any

import ibis
import pyarrow as pa

from mailcensus.analysis.estimate import wilson_interval
from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column, schema_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryRow:
    """Discovery of one run, raw and corrected."""

    asked: Annotated[int | None, Column("addresses asked; null: discovery is not done")]
    hits: Annotated[int, Column("of these: answered on a discovery port, canaries left out")]
    noise_sample: Annotated[
        int | None,
        Column("addresses of a random sample asked on every noise port; null: noise was not measured"),
    ]
    noise_answering: Annotated[int | None, Column("of these: answered on every noise port")]
    noise_share: Annotated[float | None, Column("noise_answering / noise_sample")]
    noise_share_low: Annotated[float | None, Column("lower end of its 95 % interval (Wilson)")]
    noise_share_high: Annotated[float | None, Column("upper end of its 95 % interval (Wilson)")]
    corrected_hits: Annotated[int | None, Column("hits less noise_share of the addresses asked")]
    corrected_hits_low: Annotated[int | None, Column("the same with noise_share_high")]
    corrected_hits_high: Annotated[int | None, Column("the same with noise_share_low")]
    hits_checked: Annotated[int | None, Column("hits of which it is known whether they answer everywhere")]
    hits_marked: Annotated[int | None, Column("of these: answered on every noise port too")]
    hits_not_marked: Annotated[int | None, Column("hits less hits_marked; null: not every hit was checked")]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisePortRow:
    """One noise port, on the sample."""

    port: Annotated[int, Column("the noise port")]
    asked: Annotated[int, Column("sampled addresses asked on it")]
    answered: Annotated[int, Column("of these: took the connection")]
    share: Annotated[float, Column("answered / asked")]
    share_low: Annotated[float, Column("lower end of its 95 % interval (Wilson)")]
    share_high: Annotated[float, Column("upper end of its 95 % interval (Wilson)")]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseHitRow:
    """One hit that answered on every noise port."""

    ip: Annotated[str, Column("the hit's address")]
    noise_ports: Annotated[int, Column("noise ports it answered on, all that it was asked on")]


def discovery(evidence: Evidence) -> ibis.Table:
    """One row: discovery's counts as they are, and set right by what noise was measured."""
    hits: int = evidence.hits.ip.nunique().to_pyarrow().as_py()
    done = evidence.runs.filter(evidence.runs.stage == "discover")
    asked: int | None = done.asked.max().to_pyarrow().as_py()
    everywhere = _everywhere(evidence)
    sampled = everywhere.filter(everywhere.sampled & everywhere.known)
    row = DiscoveryRow(
        asked=asked,
        hits=hits,
        **_by_sample(hits, asked, _count(sampled), _count(sampled.filter(sampled.answers))),
        **_by_checking(evidence, everywhere, hits),
    )
    return _table(evidence, "discovery_row", DiscoveryRow, [row])


def noise_ports(evidence: Evidence) -> ibis.Table:
    """One row per noise port, ascending."""
    noise = _noise(evidence)
    asked = noise.filter(noise.sampled & noise.answered.notnull())
    counts = asked.group_by("port").agg(asked=asked.count(), answered=asked.answered.sum()).order_by("port")
    rows = []
    for count in counts.to_pyarrow().to_pylist():
        share = count["answered"] / count["asked"]
        low, high = _interval(count["answered"], count["asked"], _population(evidence, count["asked"]))
        rows.append(NoisePortRow(**count, share=share, share_low=low, share_high=high))
    return _table(evidence, "noise_port_rows", NoisePortRow, rows)


def noise_hits(evidence: Evidence) -> ibis.Table:
    """One row per hit that answers on every noise port, by address."""
    marked = _marked(evidence, _everywhere(evidence))
    return marked.group_by("ip").agg(noise_ports=marked.ports.max()).order_by("ip")


def _noise(evidence: Evidence) -> ibis.Table:
    return of_run(evidence.dataset.table("noise"), evidence.run_id)


def _everywhere(evidence: Evidence) -> ibis.Table:
    """One row per address and way it came to be asked: ip, sampled, ports, answers (on all ports), known."""
    noise = _noise(evidence)
    ports = noise.port.nunique().to_pyarrow().as_py()
    each = noise.group_by("ip", "sampled").agg(
        ports=noise.port.nunique(),
        silent=(~noise.answered).any().fill_null(False),
        answered=noise.answered.sum().fill_null(0),
    )
    answers = each.answered == ports
    return each.mutate(answers=answers, known=answers | each.silent)


def _marked(evidence: Evidence, everywhere: ibis.Table) -> ibis.Table:
    return everywhere.filter(everywhere.answers).semi_join(evidence.hits, "ip")


def _by_sample(hits: int, asked: int | None, sample: int, answering: int) -> dict[str, Any]:
    names = (
        *("noise_sample", "noise_answering", "noise_share", "noise_share_low", "noise_share_high"),
        *("corrected_hits", "corrected_hits_low", "corrected_hits_high"),
    )
    if not sample:
        return dict.fromkeys(names)
    share = answering / sample
    low, high = _interval(answering, sample, max(asked or sample, sample))
    corrected: tuple[int | None, ...] = (None, None, None)
    if asked is not None:
        corrected = (
            _at_least_none(round(hits - share * asked)),
            _at_least_none(floor(hits - high * asked)),
            _at_least_none(ceil(hits - low * asked)),
        )
    return dict(zip(names, (sample, answering, share, low, high, *corrected), strict=True))


def _by_checking(evidence: Evidence, everywhere: ibis.Table, hits: int) -> dict[str, Any]:
    known = everywhere.filter(everywhere.known).semi_join(evidence.hits, "ip")
    checked: int = known.ip.nunique().to_pyarrow().as_py()
    if not checked:
        return dict.fromkeys(("hits_checked", "hits_marked", "hits_not_marked"))
    marked: int = _marked(evidence, everywhere).ip.nunique().to_pyarrow().as_py()
    left = hits - marked if checked == hits else None
    return {"hits_checked": checked, "hits_marked": marked, "hits_not_marked": left}


def _population(evidence: Evidence, sample: int) -> int:
    """How many the sample was drawn from: the addresses asked, as far as that is known."""
    asked = evidence.runs.asked.max(where=evidence.runs.stage == "discover").to_pyarrow().as_py()
    return max(asked or sample, sample)


def _interval(answering: int, sample: int, population: int) -> tuple[float, float]:
    low, high = wilson_interval(answering / sample, sample, population)
    return low if answering else 0.0, high  # rounding leaves 1e-18 of nothing


def _count(table: ibis.Table) -> int:
    count: int = table.count().to_pyarrow().as_py()
    return count


def _at_least_none(number: int) -> int:
    return max(0, number)


def _table(evidence: Evidence, name: str, record: type, rows: list[Any]) -> ibis.Table:
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=schema_of(record))
    return evidence.dataset.put(name, table)
