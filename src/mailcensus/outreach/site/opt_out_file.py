"""The exclusion file that follows the site's database.

Additions are one write at the end of the file; a withdrawal puts a new file in its place. So a scan that reads it at
any moment sees the old state or the new one. Lines that somebody else wrote stay, whatever the database says: in doubt
fewer are asked.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from mailcensus.outreach.site.store import OptOut, active
from mailcensus.outreach.site.whom import parse_whom
from mailcensus.population.exclusion_list import Kind, parse_entry
from mailcensus.study import StageFailed

_HEAD = "# Written by `mailcensus outreach serve`. Keep exclusions of your own in another file.\n"
_MARK = "opt-out page"
_REASONS = {
    "own": f"{_MARK}: from the address itself",
    "address": f"{_MARK}: from an address in it",
    "dns": f"{_MARK}: proved by a TXT record",
    "mail": f"{_MARK}: proved by mail",
}


class OptOutFile:
    """One exclusion file, written by one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def follow(self, opt_outs: Sequence[OptOut]) -> None:
        """Make the file say what the database says.

        Raises:
            StageFailed: it cannot be written.
        """
        try:
            with self._locked():
                self._follow(opt_outs)
        except OSError as error:
            raise StageFailed(f"{self._path}: cannot be written: {error.strerror}") from error

    def _follow(self, opt_outs: Sequence[OptOut]) -> None:
        in_force = active(opt_outs)
        gone = {each.whom for each in opt_outs} - {each.whom for each in in_force}
        lines = self._lines()
        kept = [line for line in lines if not _is_ours(line, gone)]
        named = {name for line in kept if (name := _name(line)) is not None}
        new = [_line(each) for each in in_force if each.whom not in named]
        if len(kept) < len(lines):
            self._replace("".join([*kept, *new]))
        elif new:
            self._append("".join(new))

    def _lines(self) -> list[str]:
        """What the file says, each line with its end."""
        text = self._path.read_text(encoding="utf-8", errors="surrogateescape")
        return [f"{line}\n" for line in text.removesuffix("\n").split("\n")] if text else []

    def _append(self, text: str) -> None:
        with self._path.open("rb+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    text = f"\n{text}"
            os.write(file.fileno(), text.encode())
            os.fsync(file.fileno())

    def _replace(self, text: str) -> None:
        new = self._path.with_name(f".{self._path.name}.new")
        with new.open("w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), self._path.stat().st_mode & 0o777)
            os.fsync(file.fileno())
        new.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the file, among processes of ours; it is made where there is none."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._path.exists():
                self._path.write_text(_HEAD)
            yield


def _line(each: OptOut) -> str:
    return f"{each.whom}  {each.since:%Y-%m-%d}  {_REASONS[each.way]}\n"


def _is_ours(line: str, names: Collection[str]) -> bool:
    """Whether it is a line that the site wrote about one of these."""
    return _MARK in line and _name(line) in names


def _name(line: str) -> str | None:
    """Whom a line names, as the database has it."""
    text = line.partition("#")[0].strip()
    try:
        entry = parse_entry(text, date.min) if text else None
        if entry is None or entry.kind not in (Kind.PREFIX, Kind.DOMAIN):
            return None
        return parse_whom(entry.value if entry.kind is Kind.DOMAIN else entry.name).name
    except ValueError:
        return None
