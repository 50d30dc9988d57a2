"""What the analyses stand on: one run's grabs, and who showed which key, with hosts and keys as numbers.

Names of hosts and keys are long; the analyses group and join them again and again. So each gets a number once,
and a host showing a key is one row of three numbers whatever the number of services. At a million hosts this
is most of the time and of the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import ibis
import pyarrow as pa

from mailcensus.analysis.components import number_clusters
from mailcensus.analysis.engines.components import clusters_on_engine
from mailcensus.analysis.engines.elsewhere import DatasetElsewhere
from mailcensus.analysis.masks import MAX_SERVICES
from mailcensus.analysis.numbering import number_hosts
from mailcensus.analysis.sightings import gather_shown, number_names
from mailcensus.dataset.tables import Dataset, later_attempts, of_run, without_superseded
from mailcensus.model import Outcome, Stage
from mailcensus.wire.services import SERVICE_BY_NAME

Made = TypeVar("Made")

_SERVICES = pa.schema(
    [
        ("service", pa.string()),
        ("port", pa.int64()),
        ("protocol", pa.string()),
        ("tls_mode", pa.string()),
        ("ssh", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Tables of one run, held in memory where that pays."""

    dataset: Dataset
    """Where intermediate results can be held."""
    run_id: str | None
    """The run; null: there is none yet."""
    runs: ibis.Table
    """This run's rows of `runs`."""
    hits: ibis.Table
    """This run's hits, canaries left out."""
    canaries: ibis.Table
    """This run's questions to canaries."""
    pauses: ibis.Table
    """This run's pauses."""
    services: ibis.Table
    """One row per service asked, by standard port: service, port (standard), protocol, tls_mode, ssh, bit."""
    grab_kinds: ibis.Table
    """Final grabs alike: service, outcome, stage, starttls_offered, tls (a version was chosen), grabs."""
    later: ibis.Table
    """This run's attempts after the first: ip, service, attempt. What is not among them may be superseded."""
    software: ibis.Table
    """What final grabs named, counted when asked: protocol, product, version, hosts."""
    greetings: ibis.Table
    """Final grabs that said something, read when asked: ip, service, greeting."""
    hosts: ibis.Table
    """One row per host asked: host (numbers sort as addresses do), ip, connected, is_v6, number (IPv4 address; upper
    half of an IPv6 address)."""
    keys: ibis.Table
    """One row per key of the dataset, those of other runs included: key, spki_sha256, algorithm, bits, curve."""
    answers: ibis.Table
    """Handshakes and host keys: host, bit, version, cipher_suite, key, certificate, again. See `Shown`."""
    ssh_versions: ibis.Table
    """Versions of SSH that were said: version, name."""
    showings: ibis.Table
    """One row per (host, key): host, key, mask (services it was shown on)."""
    shown_keys: ibis.Table
    """One row per key shown: key, hosts, mask (over all hosts)."""
    leaf_names: ibis.Table
    """One row per certificate of the dataset: certificate, certificate_sha256, common_name."""
    ssh_mask: int
    """Services that show SSH host keys; all others show TLS keys."""
    worked_out: dict[str, Any] = field(default_factory=dict)
    """What `once` has made so far."""
    making: dict[str, Lock] = field(default_factory=dict)
    """Held by the thread that makes it."""

    @property
    def showing_hosts(self) -> ibis.Table:
        """One row per host that showed a key: host, mask (over all its keys), several (it showed more than one key on
        one of its services)."""
        return self._held("showing_hosts", lambda: _showing_hosts(self.showings))

    @property
    def links(self) -> ibis.Table:
        """The showings of shared keys: host, key, mask, cluster."""
        return self.once("links", lambda: _links(self.dataset, self.showings, self.shown_keys))

    @property
    def cluster_keys(self) -> ibis.Table:
        """One row per shared key: key, cluster, hosts, mask."""
        return self._held("cluster_keys", lambda: _cluster_keys(self.links, self.shown_keys))

    @property
    def cluster_members(self) -> ibis.Table:
        """One row per host that shows a shared key: host, cluster, keys (shared ones), mask (of shared keys)."""
        return self._held("cluster_members", lambda: _cluster_members(self.links))

    @property
    def host_facts(self) -> ibis.Table:
        """One row per host asked: host, country, asn, as_org, ptr; null where nobody looked it up or knows."""
        return self.once("host_facts", lambda: _host_facts(self.dataset, self.run_id, self.hosts))

    @property
    def leaves(self) -> ibis.Table:
        """One row per (host, certificate shown as a leaf): host, key, certificate."""
        return self._held("leaves", lambda: _leaves(self.answers))

    @property
    def certificates(self) -> ibis.Table:
        """One row per certificate shown as a leaf: key, certificate, certificate_sha256, common_name.

        Its numbers are held; its names, the longest texts there are, are held in `leaf_names` and not twice.
        """
        shown = self._held("certificates_shown", lambda: _certificates(self.leaves))
        named = shown.join(self.leaf_names, "certificate")
        return named.select("key", "certificate", "certificate_sha256", "common_name")

    def _held(self, name: str, make: Callable[[], ibis.Table]) -> ibis.Table:
        return self.once(name, lambda: self.dataset.put(name, make()))

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """What `make` makes, made the first time it is asked for by this name: tables that several others need."""
        with self.making.setdefault(name, Lock()):
            if name not in self.worked_out:
                self.worked_out[name] = make()
        made: Made = self.worked_out[name]
        return made


def gather(dataset: Dataset) -> Evidence:
    """Read a dataset's newest run."""
    run_id = dataset.newest_run()
    # Nothing here stands on the order of rows in a file, and keeping it costs memory.
    dataset.forget_order()
    asked, names = dataset.together(partial(_asked, dataset, run_id), partial(number_names, dataset))
    shown = gather_shown(dataset, run_id, asked.hosts, asked.services, asked.later, names)
    showings = dataset.put("showings", _showings(shown.answers))
    shown_keys = dataset.put(
        "shown_keys",
        showings.group_by("key").agg(hosts=showings.count(), mask=showings.mask.bit_or()),
    )
    return Evidence(
        dataset=dataset,
        run_id=run_id,
        runs=of_run(dataset.table("runs"), run_id),
        hits=_hits(dataset.table("hits"), run_id),
        canaries=of_run(dataset.table("canaries"), run_id),
        pauses=of_run(dataset.table("pauses"), run_id),
        services=asked.services,
        grab_kinds=dataset.put("grab_kinds", _grab_kinds(asked.kinds)),
        later=asked.later,
        software=_software(asked.grabs),
        greetings=_greetings(dataset.table("grabs"), run_id, asked.later),
        hosts=asked.hosts,
        keys=shown.keys,
        answers=shown.answers,
        ssh_versions=shown.ssh_versions,
        showings=showings,
        shown_keys=shown_keys,
        leaf_names=shown.certificates,
        ssh_mask=asked.services.filter("ssh").bit.sum().to_pyarrow().as_py() or 0,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who was asked for what in one run; as `Evidence` has them."""

    later: ibis.Table
    grabs: ibis.Table
    """The columns of final grabs that say how they went."""
    kinds: ibis.Table
    """Final grabs alike, by port."""
    services: ibis.Table
    hosts: ibis.Table


def _asked(dataset: Dataset, run_id: str | None) -> _Asked:
    later = dataset.put("later_attempts", later_attempts(dataset.table("grabs"), run_id))
    grabs = without_superseded(of_run(_plain(dataset.table("grabs")), run_id), later)
    kinds = dataset.put("kinds_by_port", _kinds_by_port(grabs))
    services = dataset.put("services", _services(kinds))
    hosts = dataset.put("numbered_hosts", number_hosts(_connected(grabs)))
    return _Asked(later, grabs, kinds, services, hosts)


def _hits(hits: ibis.Table, run_id: str | None) -> ibis.Table:
    return of_run(hits, run_id).filter(~hits.canary)


def _connected(grabs: ibis.Table) -> ibis.Table:
    reached = (grabs.stage != str(Stage.CONNECT)) & (grabs.outcome != str(Outcome.EXCLUDED))
    return grabs.select("ip", connected=reached)


def _greetings(grabs: ibis.Table, run_id: str | None, later: ibis.Table) -> ibis.Table:
    said = of_run(grabs, run_id).select("ip", "service", "attempt", "greeting")
    final = without_superseded(said, later)
    return final.filter(final.greeting.notnull()).select("ip", "service", "greeting")


def _plain(grabs: ibis.Table) -> ibis.Table:
    """The columns that say how grabs went, without structs."""
    return grabs.select(
        "run_id", "ip", "port", "service", "protocol", "tls_mode", "attempt", "outcome", "stage",
        "starttls_offered", "software", "software_version",
        said=grabs.greeting.notnull() | grabs.http.notnull() | grabs.ssh.identification.notnull(),
        tls=grabs.tls.version.notnull().fill_null(False),
    )  # fmt: skip


def _services(kinds: ibis.Table) -> pa.Table:
    services = kinds.group_by("service").agg(
        protocol=kinds.protocol.min(), tls_mode=kinds.tls_mode.min(), port=kinds.port.min()
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


def _kinds_by_port(grabs: ibis.Table) -> ibis.Table:
    kinds = grabs.select(
        "service", "protocol", "tls_mode", "port", "outcome", "stage", "starttls_offered", "tls"
    )
    return kinds.group_by(list(kinds.columns)).agg(grabs=kinds.count())


def _grab_kinds(kinds: ibis.Table) -> ibis.Table:
    alike = kinds.group_by("service", "outcome", "stage", "starttls_offered", "tls")
    return alike.agg(grabs=kinds.grabs.sum().cast("int64"))


def _software(grabs: ibis.Table) -> ibis.Table:
    """Each host once per protocol and version, on however many ports it says so."""
    named = grabs.filter(grabs.said).select(
        "protocol", "ip", product=grabs.software, version=grabs.software_version
    )
    return named.group_by("protocol", "product", "version").agg(hosts=named.ip.nunique())


def _host_facts(dataset: Dataset, run_id: str | None, hosts: ibis.Table) -> ibis.Table:
    """What others know about each host; where it was looked up more than once, the newest counts."""
    facts = of_run(dataset.table("hosts"), run_id)
    known = dataset.put("host_facts", _with_facts(hosts, facts))
    if _count(known) == _count(hosts):
        return known
    newest = facts.group_by("ip").agg(looked_up_at=facts.looked_up_at.max())
    return dataset.put("host_facts", _with_facts(hosts, facts.semi_join(newest, ["ip", "looked_up_at"])))


def _with_facts(hosts: ibis.Table, facts: ibis.Table) -> ibis.Table:
    named = facts.select("ip", "country", "as_org", "ptr", asn=facts.asn.cast("int64"))
    return hosts.left_join(named, "ip").select("host", "country", "asn", "as_org", "ptr")


def _count(table: ibis.Table) -> int:
    return int(table.count().to_pyarrow().as_py())


def _showings(answers: ibis.Table) -> ibis.Table:
    seen = answers.filter(answers.key.notnull())
    return seen.group_by("host", "key").agg(mask=seen.bit.bit_or())


def _showing_hosts(showings: ibis.Table) -> ibis.Table:
    """Masks of different services add up to their union."""
    mask = showings.mask.bit_or()
    return showings.group_by("host").agg(mask=mask, several=showings.mask.sum() != mask)


def _leaves(answers: ibis.Table) -> ibis.Table:
    return answers.filter(answers.certificate.notnull()).select("host", "key", "certificate").distinct()


def _links(dataset: Dataset, showings: ibis.Table, shown_keys: ibis.Table) -> ibis.Table:
    shared = showings.semi_join(shown_keys.filter(shown_keys.hosts >= 2), "key")
    if isinstance(dataset, DatasetElsewhere):
        return clusters_on_engine(dataset, dataset.put("shared_showings", shared))[0]
    links = shared.to_pyarrow()
    clusters = number_clusters(links["host"].to_numpy(), links["key"].to_numpy())
    return dataset.put("links", links.append_column("cluster", pa.array(clusters, pa.int64())))


def _cluster_keys(links: ibis.Table, shown_keys: ibis.Table) -> ibis.Table:
    clusters = links.group_by("key").agg(cluster=links.cluster.min())
    return clusters.join(shown_keys, "key")


def _cluster_members(links: ibis.Table) -> ibis.Table:
    return links.group_by("host").agg(
        cluster=links.cluster.min(), keys=links.count(), mask=links.mask.bit_or()
    )


def _certificates(leaves: ibis.Table) -> ibis.Table:
    return leaves.select("key", "certificate").distinct()
