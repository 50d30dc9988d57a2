"""MTA-STS (RFC 8461): the TXT record, and the policy behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailcensus.facts.domains.tags import tags_of
from mailcensus.facts.domains.texts import visible
from mailcensus.model import MtaSts, PolicyState

_VERSION = "v=STSv1"
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_LONGEST_AGE_S = 31_557_600
"""A year, section 3.2."""
_MODES = ("enforce", "testing", "none")
_PATTERN = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_MOST_PATTERNS = 200


def read_record(texts: Sequence[str]) -> MtaSts:
    """What the TXT records at `_mta-sts` say; those of another version are passed over (section 3.1)."""
    records = [text for text in texts if text.partition(";")[0].strip() == _VERSION]
    if not records:
        return MtaSts(state=PolicyState.ABSENT, record_state=PolicyState.ABSENT)
    record, error, known_id = visible(records[0]), None, None
    if len(records) > 1:
        error = f"{len(records)} records; there may be one"
    else:
        try:
            known_id = tags_of(records[0]).get("id")
            if known_id is None or not _ID.fullmatch(known_id):
                error = "no id of 1 to 32 letters and digits"
        except ValueError as bad:
            error = str(bad)
    state = PolicyState.PRESENT if error is None else PolicyState.INVALID
    return MtaSts(state=state, record_state=state, record=record, id=None if error else known_id, error=error)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as its host gives it."""

    mode: str
    mx_patterns: tuple[str, ...]
    max_age_s: int


def read_policy(body: str) -> Policy:
    """Read the body of a policy (section 3.2); keys of later versions are passed over.

    Raises:
        ValueError: senders must not use it, with the reason in words.
    """
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in body.splitlines():
        if not line.strip():
            continue
        key, colon, value = (word.strip() for word in line.partition(":"))
        if not colon:
            raise ValueError(f"not key: value: {line[:60]!a}")
        if key == "mx":
            patterns.append(_pattern(value))
        else:
            fields.setdefault(key, value)  # of several the first counts
    if fields.get("version") != "STSv1":
        raise ValueError("no version: STSv1")
    mode = fields.get("mode", "")
    if mode not in _MODES:
        raise ValueError(f"mode is {mode[:60]!a}")
    age = fields.get("max_age", "")
    if not (age.isascii() and age.isdecimal() and len(age) <= 10):
        raise ValueError(f"max_age is {age[:60]!a}")
    if not patterns and mode != "none":
        raise ValueError("no mx")
    return Policy(mode, tuple(patterns[:_MOST_PATTERNS]), min(int(age), _LONGEST_AGE_S))


def _pattern(value: str) -> str:
    pattern = value.lower().rstrip(".")
    if not _PATTERN.fullmatch(pattern):
        raise ValueError(f"mx is no name: {value[:60]!a}")
    return pattern


def covers(pattern: str, exchange: str) -> bool:
    """Whether a pattern is for an exchange: the same name, or one label in place of `*` (section 4.1)."""
    if pattern.startswith("*."):
        label, dot, rest = exchange.partition(".")
        return bool(label and dot) and rest == pattern[2:]
    return pattern == exchange
