"""What a run has on disk of its domains: who is done, which answers there are; and new rows, evidence first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.dataset.seen import values_of
from mailcensus.model import AnswerState, DnsAnswer, Domain, Mx, schema_of

_SHARED_TYPES = ("A", "AAAA", "TLSA", "CAA")
"""Questions that a domain still to be done may have in common with one that is."""
_BATCH_ROWS = 20_000


class DomainTables:
    """Reads and writes `dns`, `mx` and `domains` of one run.

    Answers are written before what was read out of them, and a domain's row last: with that row it is done. What a kill
    left of a domain that is not done is removed at the next opening; its answers stay, and are not asked for again.
    """

    def __init__(self, data: Path, run_id: str) -> None:
        self._data = data
        self._run_id = run_id
        self._dns = PartWriter(data, "dns", DnsAnswer)
        self._mx = PartWriter(data, "mx", Mx)
        self._domains = PartWriter(data, "domains", Domain)
        self.done = set(values_of(data / "domains", "domain", run_id))
        """Domains that have a row."""
        self._remove_unfinished()

    def known_answers(self) -> Iterator[DnsAnswer]:
        """Answers of the run that domains which are not done may need."""
        names = [name for name in schema_of(DnsAnswer).names if name != "run_id"]
        for file in visible_files(self._data / "dns"):
            with pq.ParquetFile(file) as source:
                for batch in source.iter_batches(_BATCH_ROWS):
                    for row in batch.filter(pc.equal(batch["run_id"], self._run_id)).to_pylist():
                        if self._is_needed(row["name"], row["type"]):
                            yield _answer(self._run_id, {name: row[name] for name in names})

    def add(self, answers: Sequence[DnsAnswer], rows: Sequence[tuple[Domain, Sequence[Mx]]]) -> None:
        """Write answers, and domains with their exchanges.

        Raises:
            StageFailed: they cannot be written.
        """
        self._dns.write(answers)
        self._mx.write([mx for _, exchanges in rows for mx in exchanges])
        self._domains.write([domain for domain, _ in rows])
        for parts in self._all():
            parts.compact_tiers()

    def compact(self) -> None:
        """Merge small parts, once nothing more is to come."""
        for parts in self._all():
            parts.compact()

    def _all(self) -> tuple[PartWriter, ...]:
        return self._dns, self._mx, self._domains

    def _is_needed(self, name: str, kind: str) -> bool:
        if kind in _SHARED_TYPES or name.startswith("_dmarc."):
            return True
        return name.removeprefix("_mta-sts.").removeprefix("_smtp._tls.") not in self.done

    def _remove_unfinished(self) -> None:
        """Exchanges of domains that have no row of their own."""
        domains = set(values_of(self._data / "mx", "domain", self._run_id))
        if domains <= self.done:
            return
        done = pa.array(self.done, pa.string())
        tables = [pq.read_table(file) for file in visible_files(self._data / "mx")]
        kept = [
            table.filter(
                pc.or_(pc.not_equal(table["run_id"], self._run_id), pc.is_in(table["domain"], done))
            ).cast(schema_of(Mx))
            for table in tables
        ]
        self._mx.replace_all(kept)


def _answer(run_id: str, row: dict[str, object]) -> DnsAnswer:
    said = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return DnsAnswer(run_id=run_id, **{**said, "state": AnswerState(str(said["state"]))})  # type: ignore[arg-type]
