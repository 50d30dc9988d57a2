"""What the analyses stand on: one run's grabs, and who showed which key, with hosts and keys as numbers.

Names of hosts and keys are long; the analyses group and join them again and again. So each gets a number once,
and a host showing a key is one row of three numbers whatever the number of services. At a million hosts this
is most of the time and of the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import ibis
import numpy as np
import pyarrow as pa

from mailcensus.analysis.addresses import numerical_order
from mailcensus.analysis.components import number_clusters
from mailcensus.analysis.masks import MAX_SERVICES
from mailcensus.analysis.sightings import sightings
from mailcensus.dataset.tables import Dataset, final_grabs, of_run
from mailcensus.model import TABLES, Outcome, Stage
from mailcensus.wire.services import SERVICE_BY_NAME

_SERVICES = pa.schema(
    [
        ("service", pa.string()),
        ("port", pa.int64()),
        ("protocol", pa.string()),
        ("tls_mode", pa.string()),
        ("ssh", pa.bool_()),
    ]
)

_FACTS = pa.schema(
    [
        ("ip", pa.string()),
        ("country", pa.string()),
        ("asn", pa.int64()),
        ("as_org", pa.string()),
        ("ptr", pa.string()),
    ]
)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Tables of one run, held in memory where that pays."""

    dataset: Dataset
    """All records, for the analyses that need more of them than is gathered here."""
    run_id: str | None
    """The run; None: there is none yet."""
    runs: ibis.Table
    """This run's rows of `runs`."""
    hits: ibis.Table
    """This run's hits, canaries left out."""
    services: ibis.Table
    """One row per service asked, by standard port: service, port (standard), protocol, tls_mode, ssh, bit."""
    grab_kinds: ibis.Table
    """Final grabs alike: service, outcome, stage, starttls_offered, tls (a version was chosen), grabs."""
    software: ibis.Table
    """What final grabs named: protocol, product, version, hosts."""
    hosts: ibis.Table
    """One row per host asked: host (numbers sort as addresses do), ip, connected."""
    host_facts: ibis.Table
    """One row per host asked: host, country, asn, as_org, ptr; null where nobody looked it up or knows."""
    keys: ibis.Table
    """One row per key shown: key, spki_sha256, algorithm, bits, curve."""
    showings: ibis.Table
    """One row per (host, key): host, key, mask (services it was shown on)."""
    showing_hosts: ibis.Table
    """One row per host that showed a key: host, mask (over all its keys)."""
    shown_keys: ibis.Table
    """One row per key shown: key, hosts, mask (over all hosts)."""
    links: ibis.Table
    """The showings of shared keys: host, key, mask, cluster."""
    certificates: ibis.Table
    """One row per certificate shown as a leaf: key, certificate_sha256, common_name."""
    ssh_mask: int
    """Services that show SSH host keys; all others show TLS keys."""
    held: dict[str, object] = field(default_factory=dict)
    """What several tables need and `once` made."""

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` makes, made when it is first asked for under this name."""
        if name not in self.held:
            self.held[name] = make()
        return cast(T, self.held[name])


def gather(dataset: Dataset) -> Evidence:
    """Read a dataset's newest run."""
    run_id = dataset.newest_run()
    grabs = final_grabs(_plain(dataset.table("grabs")), run_id)
    hits, runs = dataset.table("hits"), dataset.table("runs")
    seen = sightings(dataset.table("grabs"), dataset.table("followups"), run_id)
    services = dataset.put("services", _services(grabs))
    ssh = services.filter("ssh").bit.sum().to_pyarrow().as_py() or 0
    hosts = dataset.put("numbered_hosts", _hosts(grabs))
    keys = dataset.put("numbered_keys", _keys(seen, dataset.table("keys")))
    showings = dataset.put("showings", _showings(seen, hosts, keys, services))
    shown_keys = dataset.put(
        "shown_keys",
        showings.group_by("key").agg(hosts=showings.count(), mask=showings.mask.bit_or()),
    )
    return Evidence(
        dataset=dataset,
        run_id=run_id,
        runs=of_run(runs, run_id),
        hits=of_run(hits, run_id).filter(~hits.canary),
        services=services,
        grab_kinds=dataset.put("grab_kinds", _grab_kinds(grabs)),
        software=dataset.put("software", _software(grabs)),
        hosts=hosts,
        host_facts=dataset.put("host_facts", _host_facts(dataset, hosts)),
        keys=keys,
        showings=showings,
        showing_hosts=dataset.put(
            "showing_hosts", showings.group_by("host").agg(mask=showings.mask.bit_or())
        ),
        shown_keys=shown_keys,
        links=dataset.put("links", _links(showings, shown_keys)),
        certificates=dataset.put("leaves", _certificates(seen, keys, dataset.table("certificates"))),
        ssh_mask=ssh,
    )


def _plain(grabs: ibis.Table) -> ibis.Table:
    """The columns that say how grabs went, without structs."""
    return grabs.select(
        "run_id", "ip", "port", "service", "protocol", "tls_mode", "attempt", "outcome", "stage",
        "starttls_offered", "software", "software_version",
        said=grabs.greeting.notnull() | grabs.http.notnull() | grabs.ssh.identification.notnull(),
        tls=grabs.tls.version.notnull().fill_null(False),
    )  # fmt: skip


def _services(grabs: ibis.Table) -> pa.Table:
    services = grabs.group_by("service").agg(
        protocol=grabs.protocol.min(), tls_mode=grabs.tls_mode.min(), port=grabs.port.min()
    )
    asked = services.to_pyarrow().to_pylist()
    for row in asked:
        known = SERVICE_BY_NAME.get(row["service"])
        row["port"] = known.port if known else row["port"]
        row["ssh"] = row["protocol"] == "ssh"
    asked.sort(key=lambda row: (row["port"], row["service"]))
    if len(asked) > MAX_SERVICES:
        raise ValueError(f"{len(asked)} services in one run; the analyses take {MAX_SERVICES}")
    table = pa.Table.from_pylist(asked, schema=_SERVICES)
    return table.append_column("bit", pa.array([1 << place for place in range(len(asked))], pa.int64()))


def _grab_kinds(grabs: ibis.Table) -> ibis.Table:
    kinds = grabs.select("service", "outcome", "stage", "starttls_offered", "tls")
    return kinds.group_by(list(kinds.columns)).agg(grabs=kinds.count())


def _software(grabs: ibis.Table) -> ibis.Table:
    """Each host once per protocol and version, on however many ports it says so."""
    named = grabs.filter(grabs.said).select(
        "protocol", "ip", product=grabs.software, version=grabs.software_version
    )
    return named.group_by("protocol", "product", "version").agg(hosts=named.ip.nunique())


def _hosts(grabs: ibis.Table) -> pa.Table:
    connected = (grabs.stage != str(Stage.CONNECT)) & (grabs.outcome != str(Outcome.EXCLUDED))
    hosts = grabs.group_by("ip").agg(connected=connected.any()).to_pyarrow().combine_chunks()
    ordered = hosts.take(numerical_order(hosts["ip"].combine_chunks()))
    return ordered.append_column("host", pa.array(np.arange(len(ordered)), pa.int32()))


def _host_facts(dataset: Dataset, hosts: ibis.Table) -> ibis.Table:
    """What others know about each host. A study that nothing was looked up for has no such table yet."""
    if "hosts" in TABLES:
        facts = dataset.table("hosts")
    else:
        facts = dataset.put("hosts", _FACTS.empty_table())
    named = facts.select("ip", "country", "as_org", "ptr", asn=facts.asn.cast("int64"))
    return hosts.left_join(named, "ip").select("host", "country", "asn", "as_org", "ptr")


def _keys(seen: ibis.Table, keys: ibis.Table) -> ibis.Table:
    shown = seen.select("spki_sha256").distinct()
    described = shown.left_join(keys, "spki_sha256")
    return described.select(
        "spki_sha256",
        "algorithm",
        "curve",
        bits=keys.bits.cast("int64"),
        key=ibis.row_number().over().cast("int32"),
    )


def _showings(seen: ibis.Table, hosts: ibis.Table, keys: ibis.Table, services: ibis.Table) -> ibis.Table:
    each = seen.join(hosts, "ip").join(keys, "spki_sha256").join(services, "service")
    return each.group_by("host", "key").agg(mask=each.bit.bit_or())


def _links(showings: ibis.Table, shown_keys: ibis.Table) -> pa.Table:
    shared = shown_keys.filter(shown_keys.hosts >= 2)
    links = showings.semi_join(shared, "key").to_pyarrow()
    clusters = number_clusters(links["host"].to_numpy(), links["key"].to_numpy())
    return links.append_column("cluster", pa.array(clusters, pa.int64()))


def _certificates(seen: ibis.Table, keys: ibis.Table, certificates: ibis.Table) -> ibis.Table:
    shown = (
        seen.filter(seen.certificate_sha256.notnull()).select("spki_sha256", "certificate_sha256").distinct()
    )
    described = shown.left_join(certificates, shown.certificate_sha256 == certificates.sha256)
    return described.join(keys, "spki_sha256").select("key", "certificate_sha256", "common_name")
