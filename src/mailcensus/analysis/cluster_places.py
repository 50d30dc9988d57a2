"""Where a cluster's shared keys were seen: address, port and service of every one, for whoever asks again."""

from __future__ import annotations

from dataclasses import dataclass

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import of_run, without_superseded
from mailcensus.study import StudyError


@dataclass(frozen=True, slots=True)
class ClusterPlace:
    """A shared key in one place."""

    ip: str
    port: int
    """The port that was asked, standard or not."""
    service: str
    spki_sha256: str
    algorithm: str | None
    server_name: str | None
    """The name sent when it was shown; of several the first, None where it was shown without any."""


def cluster_places(evidence: Evidence, cluster: int) -> list[ClusterPlace]:
    """Every place of a cluster's shared keys, by address, service and key.

    Raises:
        StudyError: the run has no such cluster.
    """
    links = evidence.links.filter(evidence.links.cluster == cluster)
    services = evidence.services.select("service", "bit")
    rows = links.join(services, (links.mask & services.bit) != 0)
    rows = rows.join(evidence.hosts.select("host", "ip"), "host")
    rows = rows.join(evidence.keys.select("key", "spki_sha256", "algorithm"), "key")
    grabs = of_run(evidence.dataset.table("grabs"), evidence.run_id)
    ports = grabs.select("ip", "service", "attempt", "port")
    ports = without_superseded(ports, evidence.later).drop("attempt")
    found = rows.join(ports, ["ip", "service"])
    found = found.left_join(_names_sent(evidence, found), ["ip", "service", "spki_sha256"])
    found = found.order_by("host", "bit", ibis.asc("spki_sha256"))
    columns = ("ip", "port", "service", "spki_sha256", "algorithm", "server_name")
    places = [ClusterPlace(**row) for row in found.select(*columns).to_pyarrow().to_pylist()]
    if not places:
        last = evidence.cluster_members.cluster.max().to_pyarrow().as_py() or 0
        raise StudyError(f"--cluster {cluster}: run {evidence.run_id} has clusters 1 to {last}" if last else
                         f"--cluster {cluster}: run {evidence.run_id} has no clusters")  # fmt: skip
    return places


def _names_sent(evidence: Evidence, places: ibis.Table) -> ibis.Table:
    """Server names sent where a key was shown to grabs and follow-ups: ip, service, spki_sha256, server_name."""
    grabs, followups = (
        of_run(evidence.dataset.table(name), evidence.run_id) for name in ("grabs", "followups")
    )
    shown = ibis.union(without_superseded(_shown(grabs), evidence.later), _shown(followups))
    shown = shown.semi_join(places, "ip")
    names = shown.group_by("ip", "service", "spki_sha256").agg(
        unnamed=shown.sni.isnull().any(), name=shown.sni.min()
    )
    server_name = ibis.ifelse(names.unnamed, ibis.null("string"), names.name)
    return names.select("ip", "service", "spki_sha256", server_name=server_name)


def _shown(grabs: ibis.Table) -> ibis.Table:
    rows = grabs.select("ip", "service", "attempt", spki_sha256=grabs.tls.spki_sha256, sni=grabs.tls.sni)
    return rows.filter(rows.spki_sha256.notnull())
