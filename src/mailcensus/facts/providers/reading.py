"""What the tables of a run say of its domains and their exchanges, put together.

Memory: the run's domains and exchanges, and what is known of the exchanges' addresses; grabs are read in batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.parts import visible_files
from mailcensus.facts.providers.seen import DomainSeen, Exchange, Server
from mailcensus.model import ChainStatus, DnsState, ExchangeState
from mailcensus.population.registered_domains import host_name
from mailcensus.wire.host_names import host_names_in

_NO_HOST = frozenset(map(str, (ExchangeState.IP_LITERAL, ExchangeState.INVALID)))
_SMTP = "smtp"
_BATCH = 16_384

Row = Mapping[str, Any]


@dataclass(slots=True)
class _Address:
    """What is known of one address, while it is put together."""

    reverse_names: tuple[str, ...] = ()
    asns: tuple[int, ...] = ()
    as_org: str | None = None
    leafs: dict[str, None] = field(default_factory=dict)
    says: dict[str, None] = field(default_factory=dict)


def read_domains(data: Path, run_id: str) -> list[DomainSeen]:
    """All domains of a run with what was seen of them, in the order of the list."""
    exchanges: defaultdict[str, list[Row]] = defaultdict(list)
    for row in _rows(
        data, "mx", run_id, ["domain", "exchange", "preference", "state", "cname_target", "addresses"]
    ):
        if row["state"] != ExchangeState.NULL_MX:
            exchanges[row["domain"]].append(row)
    wanted = {ip for rows in exchanges.values() for row in rows for ip in row["addresses"]}
    servers = _servers(data, run_id, wanted)
    columns = ["domain", "registered_domain", "mail", "groups", "spf", "position"]
    domains = sorted(_rows(data, "domains", run_id, columns), key=lambda row: int(row["position"]))
    return [_domain(row, exchanges.get(row["domain"], []), servers) for row in domains]


def _domain(row: Row, exchanges: list[Row], servers: Mapping[str, Server]) -> DomainSeen:
    spf = row["spf"] or {}
    redirect = spf.get("redirect")
    return DomainSeen(
        row["domain"],
        row["registered_domain"],
        row["mail"],
        dict(row["groups"]),
        (*spf.get("includes", ()), *([redirect] if redirect else [])),
        tuple(_exchange(one, servers) for one in exchanges),
    )


def _exchange(row: Row, servers: Mapping[str, Server]) -> Exchange:
    known = [servers[ip] for ip in row["addresses"] if ip in servers]
    is_host = row["state"] not in _NO_HOST and host_name(row["exchange"]) is not None
    return Exchange(
        row["exchange"], row["preference"], is_host, row["cname_target"], tuple(dict.fromkeys(known))
    )


def _servers(data: Path, run_id: str, wanted: Collection[str]) -> dict[str, Server]:
    """What is known of addresses."""
    addresses: defaultdict[str, _Address] = defaultdict(_Address)
    _read_hosts(data, run_id, wanted, addresses)
    _read_grabs(data, run_id, wanted, addresses)
    names = _certificate_names(data, {leaf for one in addresses.values() for leaf in one.leafs})
    return {
        ip: Server(
            one.reverse_names,
            one.asns,
            one.as_org,
            tuple(name for leaf in one.leafs for name in names.get(leaf, ())),
            tuple(one.says),
        )
        for ip, one in addresses.items()
    }


def _read_hosts(data: Path, run_id: str, wanted: Collection[str], addresses: Mapping[str, _Address]) -> None:
    confirmed = ["ptr_names_forward_confirmed", "ptr_confirmed"]
    for row in _rows(data, "hosts", run_id, ["ip", "asns", "as_org", "ptr_state", "ptr_names", *confirmed]):
        if row["ip"] in wanted:
            one = addresses[row["ip"]]
            one.asns, one.as_org = tuple(row["asns"] or ()), row["as_org"]
            if row["ptr_state"] == DnsState.OK:  # unchecked names (an import's) count, refuted ones do not
                names = (
                    row["ptr_names"] if row["ptr_confirmed"] is None else row["ptr_names_forward_confirmed"]
                )
                one.reverse_names = _host_names(names or ())


def _read_grabs(data: Path, run_id: str, wanted: Collection[str], addresses: Mapping[str, _Address]) -> None:
    wanted_ips = pa.array(wanted, pa.string())
    for file in visible_files(data / "grabs"):
        with pq.ParquetFile(file) as source:
            columns = ["run_id", "ip", "service", "greeting", "tls.leaf_sha256"]
            for batch in source.iter_batches(_BATCH, columns=columns):
                kept = batch.filter(
                    pc.and_(
                        pc.and_(pc.equal(batch["run_id"], run_id), pc.equal(batch["service"], _SMTP)),
                        pc.is_in(batch["ip"], wanted_ips),
                    )
                )
                for row in kept.to_pylist():
                    one = addresses[row["ip"]]
                    one.says.update(dict.fromkeys(host_names_in(row["greeting"])[:1]))
                    leaf = (row["tls"] or {}).get("leaf_sha256")
                    one.leafs.update({leaf: None} if leaf else {})


def _certificate_names(data: Path, leafs: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Host names of those leafs whose chain some root store found valid."""
    if not leafs:
        return {}
    valid = {
        row["leaf_sha256"]
        for row in _rows(data, "chains", None, ["leaf_sha256", "status"])
        if row["status"] == ChainStatus.VALID and row["leaf_sha256"] in leafs
    }
    return {
        row["sha256"]: _host_names([*(row["sans"] or ()), row["common_name"] or ""])
        for row in _rows(data, "certificates", None, ["sha256", "sans", "common_name"])
        if row["sha256"] in valid
    }


def _host_names(names: Collection[str]) -> tuple[str, ...]:
    found = (host_name(name.removeprefix("*.")) for name in names)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _rows(data: Path, table: str, run_id: str | None, columns: list[str]) -> Iterator[Row]:
    """Rows of one run, or of all, batch by batch."""
    for file in visible_files(data / table):
        with pq.ParquetFile(file) as source:
            wanted = columns if run_id is None else [*columns, "run_id"]
            for batch in source.iter_batches(_BATCH, columns=wanted):
                kept = batch if run_id is None else batch.filter(pc.equal(batch["run_id"], run_id))
                yield from kept.select(columns).to_pylist()
