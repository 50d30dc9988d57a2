"""Answers of DNS as zdns and massdns write them, one JSON object a line.

zdns: `{"name": ..., "results": {"MX": {"status": ..., "data": {"answers": [...]}}}}`, and its MXLOOKUP and ALOOKUP
modules; version 1 has the status and the data beside the name, and no type unless an answer says it.
massdns: its output form J (`-o J`), which has names, types and answers in one object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import IO, Any

from mailcensus.dataset.imports.json_fields import Fields, fields, flag, inner, names, text, whole
from mailcensus.dataset.imports.rows import Reject, is_address, json_of, texts_of, time_of, time_of_text
from mailcensus.model import AnswerState, DnsAnswer

_MOST_TTL_S = 0x7FFFFFFF
_MOST_RECORDS = 500
_LONGEST_NAME = 1_000
_LOOKUPS = {"MXLOOKUP": "MX", "ALOOKUP": "A"}
_STATES: Mapping[str, AnswerState] = {
    "NXDOMAIN": AnswerState.NXDOMAIN,
    "SERVFAIL": AnswerState.SERVFAIL,
    "REFUSED": AnswerState.REFUSED,
    "TIMEOUT": AnswerState.TIMEOUT,
    "ITERATIVE_TIMEOUT": AnswerState.TIMEOUT,
    "MAX-RETRIES": AnswerState.TIMEOUT,
    "TRUNCATED": AnswerState.TRUNCATED,
}
_RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}

Line = list[DnsAnswer] | Reject
"""The answers of a line; none where it has a question that a study does not ask."""


def read_zdns(stream: IO[bytes], run_id: str, now: datetime) -> Iterator[Line]:
    """The answers of a zdns file."""
    return _lines(stream, lambda told: _of_zdns(told, run_id, now))


def read_massdns(stream: IO[bytes], run_id: str, now: datetime) -> Iterator[Line]:
    """The answers of a massdns file."""
    return _lines(stream, lambda told: _of_massdns(told, run_id, now))


def _lines(stream: IO[bytes], read: Callable[[Fields], list[DnsAnswer]]) -> Iterator[Line]:
    for found in texts_of(stream):
        if isinstance(found, Reject):
            yield found
        elif found[1]:
            yield _line(*found, read)


def _line(number: int, line: str, read: Callable[[Fields], list[DnsAnswer]]) -> Line:
    try:
        return read(fields(json_of(line)))
    except (ValueError, RecursionError) as error:
        is_json = not isinstance(error, json.JSONDecodeError | RecursionError)
        return Reject(number, str(error) if is_json else "not JSON", line)


def _of_zdns(told: Fields, run_id: str, now: datetime) -> list[DnsAnswer]:
    name = _domain(told.get("name"))
    results = told.get("results")
    if isinstance(results, dict):
        modules = [(module.upper(), fields(result)) for module, result in results.items()]
    else:
        modules = [(_type_of_answers(told), told)]
    return [answer for module, result in modules for answer in _module(name, module, result, run_id, now)]


def _type_of_answers(result: Fields) -> str:
    """The type that version 1 does not name: of an answer that is no alias, or of the lookup."""
    data = inner(result, "data")
    if "exchanges" in data:
        return "MXLOOKUP"
    for answer in _list(data.get("answers")):
        kind = text(answer.get("type"))
        if kind is not None and kind != "CNAME":
            return kind.upper()
    raise ValueError("no type: neither results nor an answer says what was asked")


def _module(name: str, module: str, result: Fields, run_id: str, now: datetime) -> Iterator[DnsAnswer]:
    data = inner(result, "data")
    status = text(result.get("status"))
    if status is None:
        raise ValueError("no status")
    about: dict[str, Any] = {
        "run_id": run_id,
        "asked_at": time_of_text(result.get("timestamp")) or now,
        "resolver": text(data.get("resolver")),
        "duration_ms": _milliseconds(result.get("duration")),
        "authenticated": flag(inner(data, "flags").get("authenticated")) or None,
        "transport": "zdns",
    }
    if module == "MXLOOKUP":
        yield from _exchanges(name, _list(data.get("exchanges")), status, about)
    elif module == "ALOOKUP":
        for kind, column in (("A", "ipv4_addresses"), ("AAAA", "ipv6_addresses")):
            if column in data:
                yield _answer(name, kind, status, names(data[column]) or (), None, about)
    else:
        yield _followed(name, module, status, _list(data.get("answers")), "answer", about)


def _exchanges(name: str, exchanges: list[Fields], status: str, about: dict[str, Any]) -> Iterator[DnsAnswer]:
    records, ttl_s = [], None
    for exchange in exchanges:
        host, preference = text(exchange.get("name")), whole(exchange.get("preference"), 65_535)
        if host is None or preference is None:
            raise ValueError("an exchange without name or preference")
        ttl_s = whole(exchange.get("ttl"), _MOST_TTL_S)
        records.append(f"{preference} {host.rstrip('.')}.")
        for kind, column in (("A", "ipv4_addresses"), ("AAAA", "ipv6_addresses")):
            if column in exchange:
                found = names(exchange[column]) or ()
                yield _answer(_domain(host), kind, "NOERROR", found, ttl_s, about)
    yield _answer(name, "MX", status, records, ttl_s, about)


def _of_massdns(told: Fields, run_id: str, now: datetime) -> list[DnsAnswer]:
    name, kind = _domain(told.get("name")), text(told.get("type"))
    if kind is None:
        raise ValueError("no type")
    resolver, seconds = text(told.get("resolver")), whole(told.get("rx_ts"), 1 << 33)
    about: dict[str, Any] = {
        "run_id": run_id,
        "asked_at": time_of(seconds) or now,
        "resolver": resolver,
        "transport": "massdns",
        "authenticated": True if "ad" in (names(told.get("flags")) or ()) else None,
    }
    status = text(told.get("status")) or text(told.get("error"))
    if status is None:
        raise ValueError("neither status nor error")
    return [_followed(name, kind.upper(), status, _list(inner(told, "data").get("answers")), "data", about)]


def _followed(
    name: str, kind: str, status: str, answers: list[Fields], value: str, about: dict[str, Any]
) -> DnsAnswer:
    """The records of one type at the end of the CNAMEs that an answer has."""
    aliases = {
        _domain(one.get("name")): _domain(one.get(value)) for one in answers if one.get("type") == "CNAME"
    }
    end = name
    for _ in range(len(aliases)):
        end = aliases.get(end, end)
    ours = [one for one in answers if one.get("type") == kind and _domain(one.get("name")) == end]
    ttls = [ttl_s for one in ours if (ttl_s := whole(one.get("ttl"), _MOST_TTL_S)) is not None]
    records = [_record(kind, one, value) for one in ours]
    found = _answer(name, kind, status, records, min(ttls, default=None), about)
    return found if end == name else replace(found, canonical_name=end)


def _record(kind: str, told: Fields, value: str) -> str:
    """A record as master files write it."""
    data = text(told.get(value))
    preference = whole(told.get("preference"), 65_535)
    if kind == "MX" and preference is not None and data is not None:
        return f"{preference} {data.rstrip('.')}."
    if kind == "CAA" and data is None and text(told.get("value")) is not None:
        return f'{whole(told.get("flag"), 255) or 0} {told.get("tag")} "{told["value"]}"'
    if kind == "TLSA" and data is None and text(told.get("certificate")) is not None:
        numbers = (whole(told.get(one), 255) or 0 for one in ("cert_usage", "selector", "matching_type"))
        return " ".join([*map(str, numbers), str(told["certificate"])])
    if data is None:
        raise ValueError(f"a record of type {kind} without a value")
    if kind == "TXT" and not data.startswith('"'):
        return '"' + data.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return data


def _answer(
    name: str,
    kind: str,
    status: str,
    records: list[str] | tuple[str, ...],
    ttl_s: int | None,
    about: dict[str, Any],
) -> DnsAnswer:
    if kind in ("A", "AAAA"):
        records = [record for record in records if is_address(record)]
    state = _STATES.get(status, AnswerState.ERROR)
    if status in ("NOERROR", "NO_ANSWER"):
        state = AnswerState.ANSWER if records else AnswerState.NODATA
    return DnsAnswer(
        name=name,
        type=kind,
        state=state,
        rcode=_RCODES.get(status),
        rdata=tuple(sorted(set(records))[:_MOST_RECORDS]),
        ttl_s=ttl_s,
        attempts=0,
        **about,
    )


def _domain(value: object) -> str:
    name = text(value)
    if name is None or not name or len(name) > _LONGEST_NAME:
        raise ValueError("no name")
    return name.lower().rstrip(".") or "."


def _list(value: object) -> list[Fields]:
    return [fields(one) for one in value] if isinstance(value, list) else []


def _milliseconds(seconds: object) -> float | None:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return float(seconds) * 1000 if is_number and 0 <= float(seconds) < 1e6 else None  # type: ignore[arg-type]
