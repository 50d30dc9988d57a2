"""Where a cluster's shared keys were seen: address, port and service of every one, for whoever asks again."""

from __future__ import annotations

from dataclasses import dataclass

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import final_grabs
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
    grabs = evidence.dataset.table("grabs").select("run_id", "ip", "service", "attempt", "port")
    ports = final_grabs(grabs, evidence.run_id).select("ip", "service", "port")
    found = rows.join(ports, ["ip", "service"]).order_by("host", "bit", ibis.asc("spki_sha256"))
    columns = ("ip", "port", "service", "spki_sha256", "algorithm")
    places = [ClusterPlace(**row) for row in found.select(*columns).to_pyarrow().to_pylist()]
    if not places:
        last = evidence.cluster_members.cluster.max().to_pyarrow().as_py() or 0
        raise StudyError(f"--cluster {cluster}: run {evidence.run_id} has clusters 1 to {last}" if last else
                         f"--cluster {cluster}: run {evidence.run_id} has no clusters")  # fmt: skip
    return places
