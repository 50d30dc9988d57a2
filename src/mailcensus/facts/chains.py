"""The stage that judges chains of certificates: each chain of the dataset once for each root store as it is now.

What was judged by the same store, with the same revocation lists and, where an issuer was missing, the same known
intermediates stays; all else is judged, and takes the place of what there was of the same chain and store. Rows of
other stores, or of the same store on another day, stay beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.dataset.tables import Dataset
from mailcensus.facts.chain_verdict import SENT_CERTIFICATES
from mailcensus.facts.chain_work import BATCH, Grounds, Task, Workers, batches
from mailcensus.facts.known_intermediates import KnownIntermediates
from mailcensus.facts.revocation import RevocationLists, crl_files
from mailcensus.facts.root_stores import RootStore, root_stores_of
from mailcensus.model import Chain, schema_of
from mailcensus.study import Study

STAGE = "chains"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SLICE = 50_000
"""Tasks at a time, which bounds the memory that their certificates take."""

_SEEN = """
CREATE OR REPLACE TEMP TABLE seen AS
SELECT sha256(array_to_string(chain, '')) AS chain_id, any_value(chain) AS chain, run_id,
       min(started_at) AS first_at, max(started_at) AS last_at
FROM (SELECT tls.chain AS chain, run_id, started_at FROM grabs WHERE len(tls.chain) > 0
      UNION ALL SELECT tls.chain, run_id, started_at FROM flows
      WHERE len(tls.chain) > 0 AND tls.chain[1] IN (SELECT sha256 FROM certificates))
GROUP BY chain, run_id
"""
"""Chains of grabs and of flows; not those of which a log told the hashes alone."""
_KNOWN = f"""
SELECT der FROM certificates
WHERE is_ca AND NOT coalesce(self_issued, false)
  AND sha256 IN (SELECT DISTINCT unnest(chain[2:{SENT_CERTIFICATES}]) FROM seen)
ORDER BY sha256
"""
_TO_JUDGE = """
CREATE OR REPLACE TEMP TABLE to_judge AS
WITH wanted AS (SELECT * FROM seen CROSS JOIN stores),
judged AS (
    SELECT * FROM chains
    WHERE crls_sha256 IS NOT DISTINCT FROM $crls
      AND (known_intermediates_sha256 IS NULL OR known_intermediates_sha256 = $known)
),
covered AS (
    SELECT chain_id, store_sha256, run_id FROM wanted JOIN judged USING (chain_id, store_sha256)
    GROUP BY ALL
    HAVING bool_or(first_at >= coalesce(holds_from, first_at) AND first_at < coalesce(holds_until, 'infinity'))
       AND bool_or(last_at >= coalesce(holds_from, last_at) AND last_at < coalesce(holds_until, 'infinity'))
),
left_to_judge AS (
    SELECT DISTINCT chain_id, store_sha256 FROM wanted ANTI JOIN covered USING (chain_id, store_sha256, run_id)
)
SELECT row_number() OVER (ORDER BY any_value(chain)[1], chain_id, store_sha256) AS number,
       chain_id, store_sha256, any_value(chain) AS chain,
       list([epoch_us(first_at), epoch_us(last_at)]) AS seen
FROM wanted SEMI JOIN left_to_judge USING (chain_id, store_sha256)
GROUP BY chain_id, store_sha256
"""
_SLICE_OF_TASKS = """
SELECT chain, store_sha256, seen FROM to_judge WHERE number > $after AND number <= $upto ORDER BY number
"""
_CERTIFICATES = f"""
SELECT sha256, der FROM certificates WHERE sha256 IN (
    SELECT unnest(chain[1:{SENT_CERTIFICATES}]) FROM to_judge WHERE number > $after AND number <= $upto
)
"""


@dataclass(slots=True)
class ChainProgress:
    """How far the stage is. A chain counts once for each root store."""

    chains: int
    chains_done: int = 0
    valid: int = 0


def wants_chains(study: Study) -> bool:
    """Whether a study asks for verdicts."""
    return bool(study.settings.facts.root_stores)


def judge_chains(study: Study, run: CurrentRun, on_progress: Callable[[ChainProgress], None]) -> bool:
    """Judge what is to be judged; False where that was done already.

    Raises:
        StudyError: a root store or a revocation list cannot be read, the disk is full.
    """
    stores = root_stores_of(study)
    crls = crl_files([study.path(path) for path in study.settings.facts.crls])
    book = _Book(Dataset(run.data), stores, crls)
    about = book.identity
    if run.stage(STAGE).order != about:
        run.restart(STAGE, datetime.now(UTC), about)
    elif run.begin(STAGE, datetime.now(UTC)).state is StageState.DONE:
        return False
    progress = ChainProgress(book.to_judge)
    writer = PartWriter(run.data, "chains", Chain)
    book.forget_what_is_judged_again(writer)
    with Workers(book.grounds, book.to_judge) as workers:
        for tasks, certificates in book.slices():
            rows: list[Chain] = []
            for some in workers.rows([*batches(tasks, certificates)]):
                rows += some
                progress.chains_done = min(progress.chains_done + BATCH, progress.chains)
                progress.valid += sum(row.status == "valid" for row in some)
                on_progress(progress)
            writer.write(rows)
    writer.compact()
    run.finish(stage_row(run, STAGE, study.settings, asked=book.chains))
    return True


class _Book:
    """Which chains the dataset has, and which of them are to be judged."""

    def __init__(self, dataset: Dataset, stores: Sequence[RootStore], crls: Sequence[bytes]) -> None:
        self._dataset = dataset
        for name in ("grabs", "flows", "certificates", "chains"):
            dataset.table(name)
        self._ask(_SEEN)
        known = tuple(row[0] for row in self._ask(_KNOWN).fetchall())
        self.grounds = Grounds(tuple(stores), known, tuple(crls))
        self.chains = self._ask("SELECT count(DISTINCT chain_id) FROM seen").fetchone()[0]
        self._grabs = self._ask("SELECT count(*) FROM grabs").fetchone()[0]
        self._flows = self._ask("SELECT count(*) FROM flows").fetchone()[0]
        lists = RevocationLists(crls)
        self._crls = lists.sha256 if lists else None
        self._known = KnownIntermediates(known).sha256
        dataset.put("stores", pa.table({"store_sha256": [store.sha256 for store in stores]}))
        self._ask(_TO_JUDGE, crls=self._crls, known=self._known)
        self.to_judge = self._ask("SELECT count(*) FROM to_judge").fetchone()[0]

    @property
    def identity(self) -> str:
        """What the verdicts rest on; another text where something has changed."""
        stores = "; ".join(map(str, self.grounds.stores))
        seen = f"{self._grabs} grabs" + (f", {self._flows} flows" if self._flows else "")
        return f"{stores}; {self._crls or 'no lists'}; intermediates {self._known}; {seen}"

    def forget_what_is_judged_again(self, writer: PartWriter) -> None:
        """Take away the rows of chains and stores that are judged anew, where there are any."""
        again = self._ask(
            "SELECT DISTINCT chain_id || store_sha256 AS name "
            "FROM chains SEMI JOIN to_judge USING (chain_id, store_sha256)"
        ).fetchall()
        if again:
            writer.replace_all(self._rows_without(pa.array([name for (name,) in again])))

    def slices(self) -> Iterator[tuple[list[Task], dict[str, bytes]]]:
        """Tasks, and the certificates that they are about."""
        for after in range(0, self.to_judge, _SLICE):
            piece = {"after": after, "upto": after + _SLICE}
            certificates = dict(self._ask(_CERTIFICATES, **piece).fetchall())
            yield [_task(*row) for row in self._ask(_SLICE_OF_TASKS, **piece).fetchall()], certificates

    def _rows_without(self, names: pa.Array) -> Iterator[pa.Table]:
        for file in visible_files(self._dataset.data / "chains"):
            table = pq.read_table(file).cast(schema_of(Chain))
            named = pc.binary_join_element_wise(table["chain_id"], table["store_sha256"], "")
            yield table.filter(pc.invert(pc.is_in(named, names)))

    def _ask(self, query: str, **values: object) -> Any:
        return self._dataset.connection.con.execute(query, values or None)


def _task(chain: list[str], store_sha256: str, seen: list[list[int]]) -> Task:
    spans = tuple((_time(first_us), _time(last_us)) for first_us, last_us in seen)
    return Task(tuple(chain), store_sha256, spans)


def _time(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
