"""What a table's columns say of its shares: `part / whole` begins their description."""

from __future__ import annotations

import re

from mailcensus.analysis.table_spec import TableSpec
from mailcensus.model import Field, fields_of

_WHOLE = re.compile(r"/ (\w+)(?=$|[;:,( ])")
_PART = re.compile(r"^(\w+) /")


def share_columns(spec: TableSpec) -> list[Field]:
    """The columns that are shares; ends of intervals are none."""
    return [field for field in fields_of(spec.row) if field.name == "share" or field.name.endswith("_share")]


def whole_of(spec: TableSpec, share: Field) -> str | None:
    """The column that is a share's denominator; None: its description names none of the table's."""
    return _named(_WHOLE, spec, share)


def part_of(spec: TableSpec, share: Field) -> str | None:
    """The column that is a share's numerator; None: its description names none of the table's."""
    return _named(_PART, spec, share)


def _named(pattern: re.Pattern[str], spec: TableSpec, share: Field) -> str | None:
    found = pattern.search(share.doc)
    names = {field.name for field in fields_of(spec.row)}
    return found[1] if found and found[1] in names else None
