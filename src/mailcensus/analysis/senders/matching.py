"""Which attempt belongs to which sender.

An attempt that named a recipient has a token and is certain. One that ended before, because TLS failed, names nobody:
it is given to the one sender whose certain attempts came from the same network (/24, /48) or under the same registered
domain (reverse name, EHLO). Where two senders share these, it stays unmatched: a guess between two is no finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailcensus.senders.deferrals import identities

Attempt = Mapping[str, Any]
"""A row of `attempts`."""


@dataclass(slots=True)
class Matched:
    """Attempts by token, and those of nobody."""

    certain: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))
    inferred: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))
    """By token, too: a sender has one message at a condition."""
    bounces: dict[str, list[Attempt]] = field(default_factory=lambda: defaultdict(list))
    """What came to the mailbox for a token."""
    unmatched: list[Attempt] = field(default_factory=list)
    identities_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Networks and domains of each sender."""


def match(tokens: Sequence[Mapping[str, Any]], attempts: Iterable[Attempt]) -> Matched:
    """Sort the attempts of one experiment.

    Args:
        tokens: rows of `sender_tokens`.
        attempts: rows of `attempts`, in order of time.
    """
    by_token = {row["token"]: row for row in tokens}
    token_at = {(row["sender"], row["condition"]): row["token"] for row in tokens}
    made, nameless = Matched(), []
    for attempt in attempts:
        token = attempt["token"] or attempt["body_token"]
        if attempt["condition"] == "mailbox":
            if token in by_token and attempt["mail_from_domain"] == "":
                made.bounces[token].append(attempt)
        elif token in by_token and by_token[token]["condition"] == attempt["condition"]:
            made.certain[token].append(attempt)
            made.identities_of[by_token[token]["sender"]].update(_who(attempt))
        else:
            nameless.append(attempt)
    owners = _owners(made.identities_of)
    for attempt in nameless:
        senders = {owners[who] for who in _who(attempt) if who in owners}
        at = (next(iter(senders)), attempt["condition"]) if len(senders) == 1 else None
        if at is not None and None not in senders and at in token_at:
            made.inferred[token_at[at[0] or "", at[1]]].append(attempt)
        else:
            made.unmatched.append(attempt)
    return made


def _who(attempt: Attempt) -> list[str]:
    return identities(attempt["client_ip"], attempt["ehlo_name"], attempt["ptr"])


def _owners(identities_of: Mapping[str, set[str]]) -> dict[str, str | None]:
    """The sender of each identity; None: several have it."""
    owners: dict[str, str | None] = {}
    for sender, known in identities_of.items():
        for who in known:
            owners[who] = None if who in owners else sender
    return owners
