"""One run as comparisons of runs need it: who was asked for what, what became of it, and who showed which key.

A place is a service of an address. What a run knows of a place is one of three: a key that it showed, that there is
no key to be had (the service answered and has no TLS, or its port is closed), or nothing. A time-out, a rate limit,
a reset and a network that is unreachable are nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import ibis
import pyarrow as pa

from mailcensus.analysis.numbering import number_hosts
from mailcensus.analysis.sightings import gather_shown, number_names
from mailcensus.analysis.swept import Swept, swept_by
from mailcensus.dataset.left_out import dataset_of
from mailcensus.dataset.tables import Dataset, later_attempts, of_run, without_superseded
from mailcensus.model import Outcome
from mailcensus.study import Study, StudyError

_NO_KEY = (str(Outcome.OK), str(Outcome.NO_STARTTLS))
_CLOSED = "refused"
"""In the error of a grab whose connect was refused; "network unreachable" has the same outcome and says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One run of one study, in numbers of its own."""

    label: str
    run_id: str
    began_at: datetime
    """When its first grab began."""
    ended_at: datetime
    """When its last grab began."""
    services: tuple[str, ...]
    """Services asked of anybody; a service's number is its place here."""
    hosts: pa.Table
    """host, ip: the addresses that any service was asked of."""
    places: pa.Table
    """host, service, keyless (it is known that there is no key), starttls, version: last grabs."""
    shown: pa.Table
    """host, service, key, certificate (null: none), each once."""
    keys: pa.Table
    """key, spki_sha256, algorithm, bits."""
    certificates: pa.Table
    """certificate, certificate_sha256."""
    swept: Swept


def take_snapshot(study: Study, label: str, run_id: str | None = None) -> Snapshot:
    """Read a run of a study; the newest with grabs, unless told.

    Raises:
        StudyError: there is no such run with grabs.
    """
    dataset = dataset_of(study)
    run_id = _chosen(study, runs_of(dataset), run_id)
    dataset.forget_order()
    later = dataset.put("later_attempts", later_attempts(dataset.table("grabs"), run_id))
    grabs = without_superseded(of_run(_plain(dataset.table("grabs")), run_id), later)
    hosts = dataset.put("numbered_hosts", number_hosts(grabs.select("ip", connected=ibis.literal(True))))
    names = sorted(grabs.select("service").distinct().service.to_pyarrow().to_pylist())
    services = dataset.put("services", pa.table({"service": names, "bit": range(len(names))}))
    found = gather_shown(dataset, run_id, hosts, services, later, number_names(dataset))
    rows = found.answers.filter(found.answers.key.notnull())
    shown = dataset.put("shown", rows.select("host", "key", "certificate", service="bit").distinct())
    places = grabs.join(hosts, "ip").join(services, "service")
    times = grabs.aggregate(began=grabs.started_at.min(), ended=grabs.started_at.max()).to_pyarrow()
    return Snapshot(
        label=label,
        run_id=run_id,
        began_at=times["began"][0].as_py(),
        ended_at=times["ended"][0].as_py(),
        services=tuple(names),
        hosts=hosts.select("host", "ip").to_pyarrow(),
        places=places.select("host", "keyless", "starttls", "version", service="bit").to_pyarrow(),
        shown=shown.to_pyarrow(),
        keys=_met(found.keys, shown, "key").select("key", "spki_sha256", "algorithm", "bits").to_pyarrow(),
        certificates=_met(found.certificates, shown, "certificate")
        .select("certificate", "certificate_sha256")
        .to_pyarrow(),
        swept=swept_by(study, dataset, run_id),
    )


def runs_of(dataset: Dataset) -> list[str]:
    """The runs of a dataset that have grabs, oldest first."""
    found: list[str] = dataset.table("grabs").select("run_id").distinct().run_id.to_pyarrow().to_pylist()
    return sorted(found)


def _chosen(study: Study, runs: list[str], wanted: str | None) -> str:
    if not runs:
        raise StudyError(
            f"{study.directory}: nothing has been collected yet; run: mailcensus run {study.directory}"
        )
    if wanted is not None and wanted not in runs:
        raise StudyError(f"{study.directory}: no run {wanted!r} with grabs; there are: {', '.join(runs)}")
    return wanted or runs[-1]


def _plain(grabs: ibis.Table) -> ibis.Table:
    """Last grabs in the few columns that say what a place is."""
    closed = (grabs.outcome == str(Outcome.REFUSED)) & grabs.error.contains(_CLOSED).fill_null(False)
    return grabs.select(
        "run_id", "ip", "service", "attempt", "started_at",
        keyless=grabs.outcome.isin(_NO_KEY) | closed, starttls="starttls_offered", version=grabs.tls.version_name,
    )  # fmt: skip


def _met(names: ibis.Table, shown: ibis.Table, number: str) -> ibis.Table:
    return names.semi_join(shown, number)
