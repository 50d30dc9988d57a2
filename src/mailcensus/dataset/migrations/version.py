"""The version of a dataset, in the footer of every part.

Versions:

1. Parts without a version: all that were written before there was one (0.1.0, until November 2026). Columns were
   added meanwhile, all of them nullable: `certificates.path_length`, `policies` and `validation`; `runs.sampled_from`;
   `tls.dh_prime_name`, `tls.record_bytes`, `ssh.dh_bits` and `ssh.dh_prime_name` of grabs.
2. Parts say their version; `runs.dataset_version`.

A column that is added and may be null needs no new version: readers and `mailcensus upgrade` add it by themselves.
Whatever else changes does, with a step in `upgrade`; a test holds the columns to this.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mailcensus.model import schema_of
from mailcensus.study import StudyError

DATASET_VERSION = 2
"""What is written now."""
_KEY = b"mailcensus.dataset_version"
_UNSTAMPED = 1


@cache
def stamped_schema(record: type) -> pa.Schema:
    """The Arrow schema of a record class as parts carry it: with the version."""
    return schema_of(record).with_metadata({_KEY: str(DATASET_VERSION).encode()})


def version_of(path: Path, schema: pa.Schema) -> int:
    """The version that a part was written by.

    Args:
        path: the part, for the error.
        schema: of its footer.

    Raises:
        StudyError: it was written by a newer mailcensus, or says nonsense.
    """
    said = (schema.metadata or {}).get(_KEY, str(_UNSTAMPED).encode())
    version = int(said) if said.isdigit() and len(said) < 10 else 0
    if version > DATASET_VERSION:
        raise StudyError(
            f"{path}: of dataset version {version}, this mailcensus knows {DATASET_VERSION}; take a newer mailcensus"
        )
    if version < 1:
        raise StudyError(f"{path}: its dataset version is no number: {said!r}; put back a copy")
    return version


def footer_of(path: Path) -> pa.Schema:
    """The Arrow schema in the footer of a part.

    Raises:
        StudyError: it has none that can be read.
    """
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise StudyError(f"{path}: cannot be read ({error}); put back a copy") from None
