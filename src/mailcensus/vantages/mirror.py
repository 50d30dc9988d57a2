"""A run in two places: what a vantage writes, copied to the office while it goes on.

Parts never change under their name, and `run.json` is small, so a copy needs only what is new and the names of all
there is. The order makes every copy one that a crash could have left (`dataset.parts`, `dataset.recorder`):

- reading, the position comes first, then grabs before certificates before keys: what is referred to is there already
  when the reference is read;
- writing, it is the other way round, and parts that are gone are removed last.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from mailcensus.dataset.files import replace_file
from mailcensus.dataset.parts import visible_parts
from mailcensus.model import TABLES

RUN = "run.json"
_FIRST_WRITTEN = ("keys", "certificates")
_LAST_WRITTEN = ("hits", "grabs")
_PART = re.compile(r"part-[0-9]{8}-[0-9]{8}-([0-9a-f]{8})\.parquet")


@dataclass(frozen=True, slots=True)
class Changes:
    """What a copy lacks."""

    names: tuple[str, ...]
    """All files there are, in the order of writing."""
    files: Mapping[str, bytes]
    """Those that are new, and run.json."""


def changes(data: Path, known: Collection[str]) -> Changes:
    """What has come since the last time.

    Args:
        data: the dataset, which may be written to meanwhile.
        known: parts that the copy has.

    Raises:
        OSError: it cannot be read.
    """
    while True:
        try:
            found = dict(_read(data, known))
        except FileNotFoundError:  # parts were merged meanwhile
            continue
        names = tuple(reversed(found))
        return Changes(names, {name: content for name in names if (content := found[name]) is not None})


def store(data: Path, new: Changes) -> None:
    """Bring a copy up to date.

    Raises:
        ValueError: a name is none of a dataset's, or a part is not what was sent.
        OSError: it cannot be written.
    """
    for name, content in new.files.items():
        _check(name, content)
    for name, content in new.files.items():
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    kept = frozenset(new.names)
    for name in parts_of(data):
        if name not in kept:
            (data / name).unlink()


def parts_of(data: Path) -> list[str]:
    """The parts of a copy, by their path in it, in the order of writing."""
    return [f"{table}/{part.path.name}" for table in _tables() for part in visible_parts(data / table)]


def _read(data: Path, known: Collection[str]) -> Iterator[tuple[str, bytes | None]]:
    """Every file in the order of reading; without its bytes where the copy has it."""
    if (data / RUN).exists():
        yield RUN, (data / RUN).read_bytes()
    for table in reversed(_tables()):
        for part in reversed(visible_parts(data / table)):
            name = f"{table}/{part.path.name}"
            yield name, None if name in known else part.path.read_bytes()


def _tables() -> Sequence[str]:
    between = [table for table in TABLES if table not in (*_FIRST_WRITTEN, *_LAST_WRITTEN)]
    return (*_FIRST_WRITTEN, *between, *_LAST_WRITTEN)


def _check(name: str, content: bytes) -> None:
    if name == RUN:
        return
    table, _, file = name.partition("/")
    match = _PART.fullmatch(file)
    if table not in TABLES or match is None:
        raise ValueError(f"not a file of a dataset: {name!a}")
    if f"{crc32(content):08x}" != match[1]:
        raise ValueError(f"{name}: not what was sent")
