"""Abuse contacts out of RDAP answers (RFC 9083): a file with one, with a list or with one a line, or a folder.

An answer about an IP network, an AS or a domain has entities with roles, nested as deep as the registry likes; the
mail address of one with the role `abuse` stands in its jCard (RFC 7095). Nothing is fetched. What is not as the RFC
has it is counted and passed over: a dump of many registries always has some of it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mailcensus.outreach.holdings import Holdings
from mailcensus.population.address import parse_address
from mailcensus.population.registered_domains import host_name
from mailcensus.study import StudyError

Value = TypeVar("Value")

_FILE_BYTES = 256 * 1024 * 1024
"""Of a file that is one JSON value, and of one line."""
_ENTITIES = 1_000
"""Looked at of one answer."""


@dataclass(slots=True)
class RdapCounts:
    """What became of the answers of a dump."""

    answers: int = 0
    used: int = 0
    """Have an abuse contact that was taken."""
    without_contact: int = 0
    not_understood: int = 0
    """No answer about a network, AS or domain, or with a bad range."""


def read_rdap(path: Path, holdings: Holdings[Value], value: Callable[[str], Value | None]) -> RdapCounts:
    """Put the abuse contacts of a file or folder into `holdings`.

    Args:
        value: makes of a mail address what is kept; None: it is none.
    Raises:
        StudyError: a file cannot be read, or is no JSON.
    """
    counts = RdapCounts()
    for file in _files(path):
        for answer in _answers(file):
            counts.answers += 1
            _take(answer, holdings, value, counts)
    return counts


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in (".json", ".jsonl", ".ndjson"))
    if not files:
        raise StudyError(f"{path}: no .json, .jsonl or .ndjson file in it")
    return files


def _answers(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as file:
            first = file.readline(_FILE_BYTES + 1)
            if _is_whole(first):
                yield from _each(path, first, 1)
                number = 1
                while line := file.readline(_FILE_BYTES + 1):
                    number += 1
                    if line.strip():
                        yield from _each(path, line, number)
            else:
                yield from _each(path, first + file.read(_FILE_BYTES + 1), 1)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _each(path: Path, text: bytes, number: int) -> Iterator[Any]:
    if len(text) > _FILE_BYTES:
        raise StudyError(
            f"{path}: line {number}: more than {_FILE_BYTES >> 20} MB of JSON; write one answer a line"
        )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path}: line {number}: not JSON: {error}") from None
    yield from value if isinstance(value, list) else [value]


def _take(
    answer: Any, holdings: Holdings[Value], value: Callable[[str], Value | None], counts: RdapCounts
) -> None:
    put = _subject(answer, holdings)
    if put is None:
        counts.not_understood += 1
        return
    for text in abuse_addresses(answer):
        contact = value(text)
        if contact is not None:
            put(contact)
            counts.used += 1
            return
    counts.without_contact += 1


def _subject(answer: Any, holdings: Holdings[Value]) -> Callable[[Value], None] | None:
    """What the answer is about, as that which puts a value there."""
    if not isinstance(answer, dict):
        return None
    match answer.get("objectClassName"):
        case "ip network":
            return _network(answer, holdings)
        case "autnum":
            return _system(answer, holdings)
        case "domain":
            name = host_name(_text(answer.get("ldhName")))
            return None if name is None else lambda value: _keep(holdings.by_domain, name, value)
    return None


def _network(answer: dict[str, Any], holdings: Holdings[Value]) -> Callable[[Value], None] | None:
    try:
        version, first = parse_address(_text(answer.get("startAddress")))
        other, last = parse_address(_text(answer.get("endAddress")))
    except ValueError:
        return None
    if version != other or last < first:
        return None
    return lambda value: holdings.put_range(version, first, last, value)


def _system(answer: dict[str, Any], holdings: Holdings[Value]) -> Callable[[Value], None] | None:
    first = answer.get("startAutnum")
    last = answer.get("endAutnum", first)
    # A block that was handed to a registry is nobody's contact, and may be a million numbers wide.
    if not (
        type(first) is int and type(last) is int and 0 < first <= last < 1 << 32 and last - first < 1_024
    ):
        return None
    numbers = range(first, last + 1)

    def put(value: Value) -> None:
        for number in numbers:
            _keep(holdings.by_asn, number, value)

    return put


def abuse_addresses(answer: Any) -> Iterator[str]:
    """The `email` texts of every entity of an answer that has the role abuse, in its order."""
    waiting, seen = deque([answer]), 0
    while waiting and seen < _ENTITIES:
        thing = waiting.popleft()
        if not isinstance(thing, dict):
            continue
        seen += 1
        roles = thing.get("roles")
        if isinstance(roles, list) and "abuse" in roles:
            yield from _emails(thing.get("vcardArray"))
        entities = thing.get("entities")
        if isinstance(entities, list):
            waiting.extend(entities[:_ENTITIES])


def _emails(card: Any) -> Iterator[str]:
    """Of a jCard: ["vcard", [[name, parameters, type, value...]...]]."""
    if not (isinstance(card, list) and len(card) == 2 and isinstance(card[1], list)):
        return
    for entry in card[1]:
        if isinstance(entry, list) and len(entry) >= 4 and _text(entry[0]).lower() == "email":
            yield from (value for value in entry[3:] if isinstance(value, str))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _keep(row: dict[Any, Value], key: object, value: Value) -> None:
    row.setdefault(key, value)
