"""Reads requirements.lock, as uv writes it: packages, versions, hashes, and who needs whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

OURS = "mailcensus (pyproject.toml)"
"""Who needs what the installed package needs."""
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.!+_-]+)(?: ; (?P<marker>[^\\]+?))?\s*\\?"
)
_HASH = re.compile(r"    --hash=sha256:(?P<sha256>[0-9a-f]{64})(?: \\)?")
_VIA = re.compile(r"    #(?: via)?(?: +(?P<who>\S.*))?")


@dataclass(frozen=True, slots=True)
class Locked:
    """One package at one version."""

    name: str
    version: str
    marker: str | None
    """Where it is installed, PEP 508; None: everywhere."""
    hashes: tuple[str, ...]
    """SHA-256 of each file that may be installed, hex."""
    needed_by: tuple[str, ...]
    text: str
    """Its lines in the lock."""


def read_lock(path: Path) -> list[Locked]:
    """All packages of a lock.

    Raises:
        ValueError: a line is none that uv writes, or a package has no hash.
    """
    blocks: list[list[str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if _PIN.fullmatch(line):
            blocks.append([line])
        elif blocks and (_HASH.fullmatch(line) or _VIA.fullmatch(line)):
            blocks[-1].append(line)
        elif line and not line.startswith("#"):
            raise ValueError(f"{path}:{number}: not a line of a lock with hashes: {line!r}")
    return [_locked(path, block) for block in blocks]


def _locked(path: Path, block: list[str]) -> Locked:
    pin = _PIN.fullmatch(block[0])
    assert pin is not None
    hashes = tuple(match["sha256"] for line in block if (match := _HASH.fullmatch(line)))
    if not hashes:
        raise ValueError(f"{path}: {pin['name']} has no hash; run: make lock")
    needed_by = tuple(
        match["who"] for line in block if (match := _VIA.fullmatch(line)) and match["who"] not in (None, "")
    )
    return Locked(pin["name"], pin["version"], pin["marker"], hashes, needed_by, "\n".join(block))


def runtime(packages: Iterable[Locked], also: Iterable[str] = ()) -> Iterator[Locked]:
    """What the installed package needs, directly or not, and some others with what they need; in the lock's order."""
    packages = list(packages)
    wanted = {one.name for one in packages if OURS in one.needed_by} | set(also)
    while True:
        more = {one.name for one in packages if not wanted.isdisjoint(one.needed_by)} - wanted
        if not more:
            break
        wanted |= more
    return (one for one in packages if one.name in wanted)
