"""Lists of domains: CSV with any columns, plain lists, zone files.

Which of the three a file is shows in it. Every column besides that of the domain is kept as a group of that domain
(kind of organisation, state, rank). A domain counts once, where it stands first; what is none is set aside with the
reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailcensus.population.domain_list_columns import table_rows
from mailcensus.population.domain_list_zone import is_zone_file, zone_rows
from mailcensus.population.domain_name import domain_name
from mailcensus.population.lists import shown
from mailcensus.population.registered_domains import registered_domain
from mailcensus.study import StageFailed, StudyError

_MOST_REJECTS = 100_000
"""Kept; more are only counted."""
_MOST_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class ListedDomain:
    """One domain of a list."""

    domain: str
    """A-labels, lower case, no last dot."""
    as_given: str
    position: int
    """From 0; duplicates and rejects are not counted."""
    registered_domain: str | None
    """None: the domain is a public suffix itself."""
    public_suffix: str
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that names no domain, or one that stood there before."""

    line: int
    text: str
    reason: str


@dataclass(slots=True)
class DomainList:
    """What a file holds."""

    path: Path
    domains: list[ListedDomain] = field(default_factory=list)
    rejects: list[RejectedRow] = field(default_factory=list)
    """The first 100,000 that were no domain, and duplicates among them."""
    rejected: int = 0
    duplicates: int = 0

    def write_rejects(self, directory: Path) -> Path | None:
        """Keep them aside as JSON lines, `<name of the list>.jsonl`; None where there are none.

        Raises:
            StageFailed: they cannot be written.
        """
        path = directory / f"{self.path.name}.jsonl"
        try:
            path.unlink(missing_ok=True)
            if not self.rejects:
                return None
            directory.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8") as file:
                for row in self.rejects:
                    file.write(
                        json.dumps({"line": row.line, "reason": row.reason, "row": row.text[:2_000]}) + "\n"
                    )
        except OSError as error:
            raise StageFailed(f"{path}: cannot be written: {error.strerror or error}") from None
        return path


def read_domain_list(
    path: Path, column: str | None = None, groups: Iterable[str] | None = None
) -> DomainList:
    """Read a list of domains.

    Args:
        path: the file; UTF-8, or Windows' Western script where it is not that.
        column: the column of the domain, by its heading or its number from 1; None: found by what is in it.
        groups: headings of the columns that are kept; None: all others.

    Raises:
        StudyError: the file cannot be read, has no such column, or holds no domain at all.
    """
    text = _text_of(path)
    rows = zone_rows(path, text) if is_zone_file(text) else table_rows(path, text, column, groups)
    found = _sorted_out(path, rows)
    if not found.domains:
        why = f": line {found.rejects[0].line}: {found.rejects[0].reason}" if found.rejects else ""
        raise StudyError(f"{path}: holds no domain{why}; it must be a CSV file, a list or a zone file")
    return found


def listed_domain(text: str, position: int, groups: Mapping[str, str] | None = None) -> ListedDomain:
    """One domain as a list would have it.

    Raises:
        ValueError: it is no name of a domain, with the reason in words.
    """
    domain = domain_name(text)
    registered = registered_domain(domain)
    suffix = domain if registered is None else registered.partition(".")[2]
    return ListedDomain(domain, text, position, registered, suffix, groups or {})


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise StudyError(f"{path}: larger than 2 GiB; cut it into several lists")
        raw = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}; mend domains.list") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _sorted_out(path: Path, rows: Iterator[tuple[int, str, Mapping[str, str]]]) -> DomainList:
    found = DomainList(path)
    lines: dict[str, int] = {}
    for line, text, groups in rows:
        try:
            listed = listed_domain(text, len(found.domains), groups)
        except ValueError as error:
            found.rejected += 1
            _keep(found, line, text, str(error))
            continue
        first = lines.setdefault(listed.domain, line)
        if first == line:
            found.domains.append(listed)
        else:
            found.duplicates += 1
            _keep(found, line, text, f"stands in line {first} already")
    return found


def _keep(found: DomainList, line: int, text: str, reason: str) -> None:
    if len(found.rejects) < _MOST_REJECTS:
        found.rejects.append(RejectedRow(line, shown(text) if len(text) > 2_000 else text, reason))
