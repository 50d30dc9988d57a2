"""What is known against keys, and which keys were looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFinding:
    """Something known against a key. Factors and private keys are not kept; the key itself is all one needs."""

    spki_sha256: Annotated[str, Column("canonical key")]
    finding: Annotated[str, Column("what it is, as docs/how-to/find-weak-keys.md lists them")]
    detail: Annotated[str | None, Column("more of it, e.g. a product, a number of bits")] = None
    factor_sha256: Annotated[
        str | None,
        Column(
            "SHA-256, hex, over the hexadecimal digits of what the key has in common with other keys of the study: "
            "keys with the same one share it"
        ),
    ] = None
    keys_sharing: Annotated[
        int | None, Column("keys of the study that have it in common, this one included", pa.uint32())
    ] = None
    source: Annotated[str, Column("who says so: a check and its version, a list and its date")]
    as_of: Annotated[str | None, Column("date of that list; null: it is no list")] = None
    checked_at: Annotated[datetime, Column("when it was found")]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """A key that was looked at by itself, whether anything was found or not."""

    spki_sha256: Annotated[str, Column("canonical key")]
    checked_at: Annotated[datetime, Column("when")]
    checked_with: Annotated[str, Column("the checks and lists it was looked at with, and their versions")]
    not_checked: Annotated[
        str | None,
        Column("what could not be looked at, and why; null: every check that is there for its kind was"),
    ] = None
