"""Which engine `--backend` names. Each is imported where it is named: they are not among what mailcensus needs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from mailcensus.analysis.engines.elsewhere import DatasetElsewhere
from mailcensus.dataset.tables import Dataset
from mailcensus.study import StudyError

DUCKDB = "duckdb"
_ENGINES = {
    "postgres": ("postgres", "PostgresDataset", "postgres"),
    "postgresql": ("postgres", "PostgresDataset", "postgres"),
    "clickhouse": ("clickhouse", "ClickHouseDataset", "clickhouse"),
    "spark": ("spark", "SparkDataset", "spark"),
}
"""By the first word of `--backend`: module here, class in it, group of optional dependencies."""
_NAMES = f"{DUCKDB}, postgres://..., clickhouse://..., spark"


@contextmanager
def on_engine(local: Dataset, backend: str) -> Iterator[Dataset]:
    """A dataset on the engine that `backend` names; its session ends with the context.

    Args:
        backend: duckdb; postgres://user@host/database (as libpq reads it); clickhouse://user@host:port;
            spark (on this machine); spark://host:port.
    Raises:
        StudyError: there is no such engine, it is not installed or cannot be reached.
    """
    if backend == DUCKDB:
        yield local
        return
    dataset = _class_of(backend)(local, backend)
    try:
        yield dataset
    finally:
        dataset.close()


def _class_of(backend: str) -> type[DatasetElsewhere]:
    word = backend.partition(":")[0]
    if word not in _ENGINES:
        raise StudyError(f"--backend {backend}: no such engine; there are: {_NAMES}")
    module, name, group = _ENGINES[word]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of pyspark about pandas, which takes no part
            found: type[DatasetElsewhere] = getattr(import_module(f"{__package__}.{module}"), name)
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        raise StudyError(
            f"--backend {backend}: {missing} is missing; run: pip install 'mailcensus[{group}]'"
        ) from None
    return found
