"""The newest run of a study as Prometheus metrics, read from what is on disk.

Parts never change once they have a name, so each is counted once; a compaction replaces parts by one that is counted
anew, and the sums stay. Labels are words of ours (services, outcomes, stages), never anything that a peer said.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.run import RunRecord, StageState, read_run
from mailcensus.model import TABLES
from mailcensus.study import Study, StudyError

Key = tuple[object, ...]
_TRIES = 5
"""How often the files of a table are listed anew when a compaction takes them away meanwhile."""


@dataclass(slots=True)
class _Counted:
    """Rows of the parts of one table by some columns."""

    columns: tuple[str, ...]
    parts: dict[Path, Counter[Key]] = field(default_factory=dict)

    def total(self, directory: Path, run_id: str) -> Counter[Key]:
        """Over all parts, as they are now; reads those that are new."""
        for _ in range(_TRIES):
            files = visible_files(directory)
            try:
                self.parts = {file: self.parts.get(file) or self._count(file, run_id) for file in files}
            except FileNotFoundError:
                continue
            break
        return sum(self.parts.values(), Counter[Key]())

    def _count(self, file: Path, run_id: str) -> Counter[Key]:
        with pq.ParquetFile(file) as source:
            rows = source.read(columns=[*self.columns, "run_id"])
        rows = rows.filter(pc.equal(rows["run_id"], run_id)).select(list(self.columns))
        counts = rows.group_by(list(self.columns)).aggregate([([], "count_all")])
        *keys, numbers = (
            column.to_pylist() for column in counts.select([*self.columns, "count_all"]).columns
        )
        return Counter(dict(zip(zip(*keys, strict=True), numbers, strict=True)))


class StudyMetrics(Collector):
    """A collector that looks at the disk whenever it is asked; one look at a time."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._lock = threading.Lock()
        self._run_id = ""
        self._grabs = _Counted(("service", "outcome"))
        self._hits = _Counted(("port", "canary"))
        self._canaries = _Counted(("answered",))

    def describe(self) -> Iterator[Metric]:
        """None beforehand: to register costs no look at the disk."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is on disk now."""
        with self._lock:
            yield from list(self._collect())

    def _collect(self) -> Iterator[Metric]:
        data = self._study.data
        yield _gauge(
            "mailcensus_disk_free_bytes",
            "Room left for the dataset.",
            shutil.disk_usage(self._existing()).free,
        )
        parts = GaugeMetricFamily("mailcensus_parts", "Parquet parts of a table.", labels=["table"])
        for table in TABLES:
            parts.add_metric([table], len(visible_files(data / table)))
        yield parts
        try:
            run = read_run(data)
        except StudyError:
            run = None
        yield _gauge(
            "mailcensus_run_readable",
            "1 where there is a run, and run.json can be read.",
            int(run is not None),
        )
        if run is not None:
            self._follow(run.run_id)
            yield from self._of_run(run)

    def _existing(self) -> Path:
        return self._study.data if self._study.data.is_dir() else self._study.directory

    def _follow(self, run_id: str) -> None:
        if run_id != self._run_id:
            self._run_id = run_id
            for counted in (self._grabs, self._hits, self._canaries):
                counted.parts.clear()

    def _of_run(self, run: RunRecord) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "mailcensus_run_info", "The current run.", labels=["run_id", "study", "vantage"]
        )
        section = self._study.settings.study
        info.add_metric([run.run_id, section.name, section.vantage], 1)
        yield info
        yield from _stages(run)
        yield from self._counts()
        yield from self._connections()
        yield from self._pauses()

    def _counts(self) -> Iterator[Metric]:
        data, run_id = self._study.data, self._run_id
        grabs = self._grabs.total(data / "grabs", run_id)
        yield _counter("mailcensus_grabs", "Grabs recorded, each attempt.", ("service", "outcome"), grabs)
        hits = Counter[Key]()
        for (port, canary), number in self._hits.total(data / "hits", run_id).items():
            hits[(port,)] += 0 if canary else number
        yield _counter("mailcensus_hits", "Addresses that answered, canaries left out.", ("port",), hits)
        asks = Counter[Key]()
        for (answered,), number in self._canaries.total(data / "canaries", run_id).items():
            asks[("yes" if answered else "no",)] += number
        yield _counter("mailcensus_canary_asks", "Questions to canaries.", ("answered",), asks)

    def _connections(self) -> Iterator[Metric]:
        rows = self._rows("politeness_peaks", ["attempts", "peak_per_s", "peak_open"])
        attempts, peak, open_ = (rows[name] for name in ("attempts", "peak_per_s", "peak_open"))
        yield _counter(
            "mailcensus_connections",
            "Connections begun, of all stages.",
            (),
            Counter({(): pc.sum(attempts).as_py() or 0}),
        )
        yield _gauge(
            "mailcensus_connections_peak_per_second", "Most within one second.", pc.max(peak).as_py() or 0
        )
        yield _gauge("mailcensus_connections_peak_open", "Most open at once.", pc.max(open_).as_py() or 0)

    def _pauses(self) -> Iterator[Metric]:
        rows = self._rows("pauses", ["began_at", "ended_at"]).to_pylist()
        seconds = sum(
            (row["ended_at"] - row["began_at"]).total_seconds() for row in rows if row["ended_at"] is not None
        )
        yield _counter(
            "mailcensus_pauses",
            "Pauses recorded: that have ended, or that an interruption ended.",
            (),
            Counter({(): len(rows)}),
        )
        yield _gauge("mailcensus_pause_seconds", "Time in pauses that have ended.", seconds)
        yield _gauge(
            "mailcensus_paused", "1 while no canary answers and nobody is asked.", int(self._is_paused())
        )

    def _is_paused(self) -> bool:
        """Whether the last roll call of canaries that is on disk was answered by nobody."""
        rows = self._rows("canaries", ["at", "answered", "paused"]).to_pylist()
        heard = max((row["at"] for row in rows if row["answered"]), default=None)
        silent = max((row["at"] for row in rows if row["paused"] and not row["answered"]), default=None)
        return silent is not None and (heard is None or heard < silent)

    def _rows(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Some columns of the run's rows of a small table."""
        for _ in range(_TRIES):
            files = visible_files(self._study.data / table)
            try:
                read = [pq.ParquetFile(file).read(columns=[*columns, "run_id"]) for file in files]
            except FileNotFoundError:
                continue
            if read:
                rows = pa.concat_tables(read)
                return rows.filter(pc.equal(rows["run_id"], self._run_id)).select(list(columns))
            break
        return pa.table({name: pa.array([], pa.int64()) for name in columns})


def _stages(run: RunRecord) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "mailcensus_stage_state", "1 for the state a stage is in.", labels=["stage", "state"]
    )
    position = GaugeMetricFamily(
        "mailcensus_stage_position", "Addresses of the order of asking that are done with.", labels=["stage"]
    )
    begun = GaugeMetricFamily(
        "mailcensus_stage_started_timestamp_seconds", "When a stage first began.", labels=["stage"]
    )
    interruptions = GaugeMetricFamily(
        "mailcensus_stage_interruptions", "How often a stage was taken up again.", labels=["stage"]
    )
    for name, stage in run.stages.items():
        for one in StageState:
            state.add_metric([name, one], int(stage.state is one))
        position.add_metric([name], stage.position)
        interruptions.add_metric([name], stage.interruptions)
        if stage.started_at is not None:
            begun.add_metric([name], datetime.fromisoformat(stage.started_at).timestamp())
    yield from (state, position, begun, interruptions)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


def _counter(name: str, meaning: str, labels: Sequence[str], counts: Counter[Key]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, number in sorted(counts.items(), key=repr):
        family.add_metric([str(value) for value in values], number)
    return family
