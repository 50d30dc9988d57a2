"""The tables `mx_providers` and `domain_providers` of one run, made anew from what the other tables say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.columns import table_of
from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.dataset.seen import values_of
from mailcensus.facts.providers.domain import Reading, read_domain
from mailcensus.facts.providers.holders import Holders
from mailcensus.facts.providers.reading import read_domains
from mailcensus.facts.providers.table import ProviderTable, provider_table
from mailcensus.model import DomainProvider, MxProvider, Party, schema_of
from mailcensus.study import Study

STAGE = "providers"
_HOSTS_STAGE = "enrich"
_READ = ("domains", "mx", "hosts", "grabs", "chains", "certificates")
_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Inferred:
    """What came of it."""

    domains: int
    known: int
    """Domains whose mail is known to be handled by themselves or others."""


def has_domains(data: Path, run_id: str) -> bool:
    """Whether a run has domains at all."""
    return next(values_of(data / "domains", "domain", run_id), None) is not None


def infer_providers(data: Path, run_id: str, table: ProviderTable | None = None) -> Inferred:
    """Say who handles the mail of every domain of a run. The caller holds the dataset's lock.

    It asks nobody and takes seconds, so it is done whole each time. A kill leaves the old rows or the new ones, table
    by table.

    Raises:
        StageFailed: the disk is full.
    """
    table = table or provider_table()
    seen = read_domains(data, run_id)
    holders = Holders.of(seen, table.policy)
    read = [read_domain(one, holders, table, run_id) for one in seen]
    _replace(data, "mx_providers", MxProvider, run_id, [row for one in read for row in one.exchanges])
    _replace(data, "domain_providers", DomainProvider, run_id, [one.domain for one in read])
    return Inferred(len(read), _known(read))


def infer_in_run(study: Study, run: CurrentRun) -> bool:
    """The same as a stage; False where the run has no domains, or nothing has changed since.

    Raises:
        StageFailed: the disk is full.
    """
    if not has_domains(run.data, run.run_id):
        return False
    rows = ", ".join(f"{_rows_of(run.data / name):,} {name}" for name in _READ)
    about = f"provider table {provider_table().version}; {rows}"
    hosts = run.stage(_HOSTS_STAGE)
    about = f"{about}; hosts of {hosts.started_at}"
    if run.stage(STAGE).order == about and run.stage(STAGE).state is StageState.DONE:
        return False
    run.restart(STAGE, datetime.now(UTC), about)
    inferred = infer_providers(run.data, run.run_id)
    run.finish(stage_row(run, STAGE, study.settings, asked=inferred.domains, answered=inferred.known))
    return True


def _rows_of(directory: Path) -> int:
    return sum(pq.read_metadata(file).num_rows for file in visible_files(directory))


def _known(read: Sequence[Reading]) -> int:
    return sum(one.domain.party in (Party.FIRST, Party.THIRD, Party.MIXED) for one in read)


def _replace(data: Path, name: str, record: type, run_id: str, rows: Sequence[object]) -> None:
    """Make these the rows of a run; those of other runs stay."""
    PartWriter(data, name, record).replace_all(
        [*_of_others(data, name, record, run_id), *_tables(record, rows)]
    )


def _tables(record: type, rows: Sequence[object]) -> Iterator[pa.Table]:
    yield schema_of(record).empty_table()
    for first in range(0, len(rows), _ROWS):
        yield table_of(record, rows[first : first + _ROWS])


def _of_others(data: Path, name: str, record: type, run_id: str) -> Iterator[pa.Table]:
    for file in visible_files(data / name):
        table = pq.read_table(file)
        yield table.filter(pc.not_equal(table["run_id"], run_id)).cast(schema_of(record))
