"""How much of a machine's memory an analysis may take, and where the rest of it goes.

Fifty million grabs are more than a machine holds in memory. DuckDB gets a share and puts what is more into
`data/.spilled-<process>-<number>`, which goes with the process; large tables that are done lie in files without a name,
of which the system keeps as much in memory as nobody else wants. Both are beside the data, since /tmp is memory on some
systems.
"""

from __future__ import annotations

import atexit
import mmap
import os
import shutil
import tempfile
from itertools import count
from pathlib import Path

import pyarrow as pa

from mailcensus.dataset.sql_text import sql_text
from mailcensus.dataset.tables import Dataset

SHARE = 0.5
"""Of what DuckDB would take by itself, four fifths of the machine's memory or of the process's cgroup. The rest is for
columns in NumPy and rows on their way."""
LARGE_BYTES = 64_000_000
_PREFIX = ".spilled-"
_NUMBERS = count()


def bounded(dataset: Dataset) -> Dataset:
    """The same dataset; of what its DuckDB holds, it puts on disk what is more than its share of memory."""
    _remove_left_behind(dataset.data)
    connection = dataset.connection.con
    size, unit = connection.execute("SELECT current_setting('memory_limit')").fetchone()[0].split()
    connection.execute(f"SET memory_limit = '{float(size) * SHARE:.2f} {unit}'")
    directory = dataset.data / f"{_PREFIX}{os.getpid()}-{next(_NUMBERS)}"
    connection.execute(f"SET temp_directory = {sql_text(directory)}")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)  # a DuckDB that is not closed leaves it
    return dataset


def on_disk_if_large(table: pa.Table, directory: Path) -> pa.Table:
    """The same table; a large one is read out of a file that is gone when nobody uses it any more.

    Args:
        directory: where there is room.
    """
    if table.nbytes < LARGE_BYTES:
        return table
    with tempfile.TemporaryFile(dir=directory) as file:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()


def _remove_left_behind(data: Path) -> None:
    """What processes that were killed have left."""
    for directory in data.glob(f"{_PREFIX}*"):
        process = directory.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", process).exists():
            shutil.rmtree(directory, ignore_errors=True)
