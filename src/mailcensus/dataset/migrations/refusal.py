"""Keeps writers from tables that have another shape than today's."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mailcensus.dataset.migrations.version import DATASET_VERSION, version_of
from mailcensus.dataset.parts import visible_files
from mailcensus.model import TABLES, schema_of
from mailcensus.study import StudyError


def refuse_outdated(data: Path) -> None:
    """Let nobody write to a dataset with a table of another shape: new rows beside old ones would fit no reader.

    A part of an older version in today's shape may stay as it is. One that cannot be read is for others to judge
    (`mailcensus.dataset.damage`). About a millisecond a part.

    Raises:
        StudyError: there is an outdated part, or one of a newer version; the message says what to do.
    """
    for table, record in TABLES.items():
        for path in visible_files(data / table):
            try:
                schema = pq.read_schema(path)
            except (OSError, pa.ArrowException):
                continue
            version = version_of(path, schema)
            if not schema.equals(schema_of(record)):
                raise StudyError(
                    f"{path}: written by an earlier mailcensus (dataset version {version}, now {DATASET_VERSION}); "
                    f"run: mailcensus upgrade {data.parent}"
                )
