"""The run that an import is. Its id ends in the first digits of the file's SHA-256, so that the same file again is
recognised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus import __version__
from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.seen import values_of
from mailcensus.model import Run
from mailcensus.study import Study, StudyError

_STAGE = "import"
_DIGITS = 16


def file_sha256(path: Path, mend: str = "") -> str:
    """SHA-256 of a file, hex.

    Args:
        mend: what to do where it cannot be read, for the error.
    Raises:
        StudyError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        told = f"{path}: cannot be read: {error.strerror or error}"
        raise StudyError(f"{told}; {mend}" if mend else told) from None


def import_run_id(at: datetime, digest: str) -> str:
    """The id of a run that takes a file.

    Args:
        digest: of the file, hex.
    """
    return f"{at:%Y-%m-%dT%H-%M-%SZ}{_suffix(digest)}"


def earlier_run_id(data: Path, digest: str, tables: Iterable[str]) -> str | None:
    """The run of an earlier import of the same file, whether it came to its end or not.

    Args:
        tables: where an import leaves rows.
    """
    suffix = _suffix(digest)
    for table in ("runs", *tables):
        for file in visible_files(data / table):
            with pq.ParquetFile(file) as source:
                for batch in source.iter_batches(columns=["run_id"]):
                    for run_id in pc.unique(batch["run_id"]).to_pylist():
                        if run_id.endswith(suffix):
                            return str(run_id)
    return None


def has_ended(data: Path, run_id: str) -> bool:
    """Whether an import came to its end."""
    return run_id in values_of(data / "runs", "run_id")


def import_row(study: Study, run_id: str, began: datetime, asked: int, answered: int) -> Run:
    """The row of `runs` that ends an import, now; counts as `model.Run` says."""
    return Run(
        run_id=run_id,
        stage=_STAGE,
        started_at=began,
        ended_at=datetime.now(UTC),
        vantage=study.settings.study.vantage,
        mailcensus_version=__version__,
        settings_json=study.settings.model_dump_json(),
        asked=asked,
        answered=answered,
    )


def _suffix(digest: str) -> str:
    return f"-import-{digest[:_DIGITS]}"
