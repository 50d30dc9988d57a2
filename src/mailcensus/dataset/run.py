"""The current run: which run a study is in, how far each stage has come, in `data/run.json`.

A study is in one run from its first discovery until every stage is done. Taking it up again continues that run
from the stored position; a run that is done stays as it is. Removing run.json begins a new run with the next
command, beside the old one's rows.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType

import pyarrow.parquet as pq

from mailcensus import __version__
from mailcensus.dataset.damage import damaged_parts, set_aside, stages_to_repeat, take_out_incomplete
from mailcensus.dataset.files import replace_file
from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.migrations.version import DATASET_VERSION
from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.model import Run
from mailcensus.study import Settings, StageFailed, StudyError


class StageState(StrEnum):
    """Where a stage of a run is."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far one stage of a run has come."""

    state: StageState = StageState.NOT_STARTED
    started_at: str | None = None
    """ISO 8601, UTC; when it first began."""
    position: int = 0
    """Addresses of the permuted population that are done with (discover)."""
    order: str | None = None
    """Identity of the order of asking that the position counts in (discover)."""
    interruptions: int = 0
    """How often it was taken up again."""

    @property
    def began(self) -> datetime:
        """When it first began.

        Raises:
            ValueError: it has not begun.
        """
        if self.started_at is None:
            raise ValueError("the stage has not begun")
        return datetime.fromisoformat(self.started_at)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What run.json holds."""

    run_id: str
    stages: dict[str, StageProgress] = field(default_factory=dict)


def run_file(data: Path) -> Path:
    """Where a dataset keeps its current run."""
    return data / "run.json"


def read_run(data: Path) -> RunRecord | None:
    """The current run; None where there is none yet.

    Raises:
        StudyError: run.json cannot be read.
    """
    path = run_file(data)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        stages = {
            name: StageProgress(**{**stage, "state": StageState(stage["state"])})
            for name, stage in raw["stages"].items()
        }
        return RunRecord(str(raw["run_id"]), stages)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"{path}: cannot be read ({error}); restore it, or remove it to begin a new run"
        ) from None


class CurrentRun:
    """The run that this process works on; holds the dataset's writer lock. Use as a context manager."""

    def __init__(self, data: Path, now: datetime) -> None:
        """Take up the current run, or begin one.

        Raises:
            StudyError: another process is writing, or run.json cannot be read or written.
        """
        self._data = data
        self._lock = WriterLock(data)
        try:
            self._record = read_run(data) or RunRecord(_new_run_id(now))
            self._mend()
        except (StudyError, OSError):
            self._lock.release()
            raise

    @property
    def run_id(self) -> str:
        """Names the run, e.g. 2026-11-22T01-02-03Z-9f3c; names sort by time."""
        return self._record.run_id

    @property
    def data(self) -> Path:
        """The dataset it writes to."""
        return self._data

    def stage(self, name: str) -> StageProgress:
        """How far a stage has come."""
        return self._record.stages.get(name, StageProgress())

    def begin(self, name: str, now: datetime, order: str | None = None) -> StageProgress:
        """Begin a stage, with the order its position will count in, or take it up again.

        A stage that is done stays done.
        """
        progress = self.stage(name)
        match progress.state:
            case StageState.NOT_STARTED:
                self._store(name, StageProgress(StageState.RUNNING, now.isoformat(), order=order))
            case StageState.RUNNING:
                self._store(name, replace(progress, interruptions=progress.interruptions + 1))
            case StageState.DONE:
                pass
        return self.stage(name)

    def restart(self, name: str, now: datetime, order: str) -> None:
        """Begin a stage again, done or not, because what it rests on has changed; the order says what that is."""
        self._store(name, StageProgress(StageState.RUNNING, now.isoformat(), order=order))

    def checkpoint(self, name: str, position: int) -> None:
        """Store how far a stage is. Whatever lies before the position must be on disk already."""
        self._store(name, replace(self.stage(name), position=position))

    def finish(self, row: Run) -> None:
        """Write the stage's row of `runs` once and mark the stage done."""
        if not self._has_row(row):
            PartWriter(self._data, "runs", Run).write([row])
        self._store(row.stage, replace(self.stage(row.stage), state=StageState.DONE))

    def close(self) -> None:
        """Let others write."""
        self._lock.release()

    def __enter__(self) -> CurrentRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _mend(self) -> None:
        """Set damaged parts aside, and have what was in them found out again."""
        damaged = damaged_parts(self._data)
        for name in stages_to_repeat(self._data, damaged, self.run_id):
            progress = self.stage(name)
            if progress.state is not StageState.NOT_STARTED:
                order = progress.order if name in ("discover", "resolve") else None  # elsewhere: what is done
                self._store(name, replace(progress, state=StageState.RUNNING, position=0, order=order))
        take_out_incomplete(self._data, damaged, self.run_id)
        set_aside(self._data, damaged)

    def _has_row(self, row: Run) -> bool:
        """A crash may have come between the row and the mark."""
        names = ["run_id", "stage", "started_at"]
        wanted = {name: getattr(row, name) for name in names}
        return any(
            wanted in pq.read_table(file, columns=names).to_pylist()
            for file in visible_files(self._data / "runs")
        )

    def _store(self, name: str, progress: StageProgress) -> None:
        record = replace(self._record, stages={**self._record.stages, name: progress})
        path = run_file(self._data)
        try:
            replace_file(path, (json.dumps(asdict(record), indent=1) + "\n").encode())
        except OSError as error:
            raise StageFailed(
                f"{path}: cannot be written ({error.strerror or error}); mend it and run the same command again"
            ) from error
        self._record = record


def stage_row(
    run: CurrentRun,
    stage: str,
    settings: Settings,
    *,
    asked: int,
    answered: int = 0,
    excluded: int = 0,
    hello_profile: str | None = None,
) -> Run:
    """The row of `runs` for a stage that ends now; counts as `model.Run` says, the profile where hellos were sent."""
    progress = run.stage(stage)
    return Run(
        run_id=run.run_id,
        stage=stage,
        started_at=progress.began,
        ended_at=datetime.now(UTC),
        vantage=settings.study.vantage,
        mailcensus_version=__version__,
        settings_json=settings.model_dump_json(),
        hello_profile=hello_profile,
        interruptions=progress.interruptions,
        asked=asked,
        answered=answered,
        excluded=excluded,
        dataset_version=DATASET_VERSION,
    )


def _new_run_id(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(2)}"
