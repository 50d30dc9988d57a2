"""What became of what operators were told: mended, still so, or unknown, by the newest run and by re-checks.

A key is gone from a service when that service shows another one; a service that did not answer says nothing, and
neither does an SSH server that showed a key of another kind only, since it may have both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import ibis
import pyarrow as pa

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.hygiene import FLAWS, hygiene_hosts
from mailcensus.model import RecheckVerdict
from mailcensus.outreach.ledger import Event, Item
from mailcensus.outreach.notices_told import own_name
from mailcensus.outreach.pseudonyms import Kind, Pseudonyms


class State(StrEnum):
    """Of one thing told."""

    FIXED = "fixed"
    STILL = "still"
    UNKNOWN = "unknown"
    """Nobody looked again, or no answer said."""


_OF_VERDICT = {
    RecheckVerdict.AGREES: State.STILL,
    RecheckVerdict.DIFFERS: State.FIXED,
    RecheckVerdict.NO_LONGER_OFFERED: State.FIXED,
}


@dataclass(frozen=True, slots=True)
class NoticeState:
    """One notice that was sent."""

    notice: str
    name: str | None
    to: str | None
    sent_at: datetime
    answered_at: datetime | None
    note: str | None
    """Of the last answer."""
    told: int
    fixed: int
    still: int
    unknown: int


@dataclass(frozen=True, slots=True)
class _Checked:
    """One answer of a re-check."""

    run_id: str
    asked_at: datetime
    spki_sha256: str
    state: State


@dataclass(frozen=True, slots=True)
class _Now:
    """What the newest run and all re-checks say of the addresses of the ledger."""

    run_id: str
    shown: Mapping[tuple[str, str], Mapping[str, str | None]]
    """Address and service to the keys shown there, each with its algorithm."""
    flaws: Mapping[str, Mapping[str, bool | None]]
    """Address to the flaws of its TLS."""
    checked: Mapping[tuple[str, str], Sequence[_Checked]]
    """Address and service to re-checks, the newest last."""


def states(events: Sequence[Event], evidence: Evidence, secret: bytes | None) -> list[NoticeState]:
    """Every notice that was sent, the oldest first; one that was sent again counts from the first time.

    Args:
        secret: the study's; None: it is lost, and keys with a pseudonym cannot be told from others.
    """
    sent: dict[str, Event] = {}
    answers: dict[str, Event] = {}
    for event in events:
        if event.event == "sent":
            sent.setdefault(event.notice, event)
        else:
            answers[event.notice] = event
    now = _now(evidence, {item.ip for event in sent.values() for item in event.told})
    return [_state(event, answers.get(notice), now, secret) for notice, event in sent.items()]


def _state(event: Event, answer: Event | None, now: _Now, secret: bytes | None) -> NoticeState:
    names = _names(event, secret)
    counts = Counter(_of_item(item, event.run_id or "", now, names) for item in event.told)
    return NoticeState(
        notice=event.notice, name=event.name, to=event.to, sent_at=event.at,
        answered_at=answer.at if answer else None, note=answer.note if answer else None,
        told=len(event.told), fixed=counts[State.FIXED], still=counts[State.STILL], unknown=counts[State.UNKNOWN],
    )  # fmt: skip


def _names(event: Event, secret: bytes | None) -> Pseudonyms | None:
    """The recipient's pseudonyms, if the secret is the one they were made with."""
    if secret is None or event.recipient is None:
        return None
    names = Pseudonyms(secret, event.recipient)
    return names if own_name(names, event.recipient) == event.pseudonym else None


def _of_item(item: Item, told_run: str, now: _Now, names: Pseudonyms | None) -> State:
    newer = now.run_id > told_run
    if item.key is None:
        return _of_flaw(now.flaws.get(item.ip, {}).get(item.flaw or "")) if newer else State.UNKNOWN
    if item.key.startswith(f"{Kind.KEY}-") and names is None:
        return State.UNKNOWN
    place = item.ip, item.service or ""
    known = [(now.run_id, _of_shown(item, now.shown.get(place, {}), names))] if newer else []
    known += [
        (each.run_id, each.state)
        for each in now.checked.get(place, ())
        if each.run_id >= told_run and _is_key(item, each.spki_sha256, names)
    ]
    # Sorting keeps the order of equals: within a run, re-checks come after the run, the newest last.
    said = [state for _, state in sorted(known, key=lambda each: each[0]) if state is not State.UNKNOWN]
    return said[-1] if said else State.UNKNOWN


def _of_flaw(flaw: bool | None) -> State:
    if flaw is None:
        return State.UNKNOWN
    return State.STILL if flaw else State.FIXED


def _of_shown(item: Item, shown: Mapping[str, str | None], names: Pseudonyms | None) -> State:
    if any(_is_key(item, key, names) for key in shown):
        return State.STILL
    comparable = shown if item.service != "ssh" else [key for key in shown if shown[key] == item.algorithm]
    return State.FIXED if comparable else State.UNKNOWN


def _is_key(item: Item, spki_sha256: str, names: Pseudonyms | None) -> bool:
    return item.key == spki_sha256 or (names is not None and item.key == names.name(Kind.KEY, spki_sha256))


def _now(evidence: Evidence, addresses: Iterable[str]) -> _Now:
    asked = evidence.dataset.put(
        "ledger_addresses", pa.table({"ip": pa.array(sorted(addresses), pa.string())})
    )
    hosts = evidence.hosts.semi_join(asked, "ip").select("host", "ip")
    return _Now(
        evidence.run_id or "", _shown(evidence, hosts), _flaws(evidence, hosts), _rechecks(evidence, asked)
    )


def _shown(evidence: Evidence, hosts: ibis.Table) -> dict[tuple[str, str], dict[str, str | None]]:
    rows = evidence.showings.join(hosts, "host")
    services = evidence.services.select("service", "bit")
    rows = rows.join(services, (rows.mask & services.bit) != 0)
    rows = rows.join(evidence.keys.select("key", "spki_sha256", "algorithm"), "key")
    shown: dict[tuple[str, str], dict[str, str | None]] = {}
    for row in rows.select("ip", "service", "spki_sha256", "algorithm").to_pyarrow().to_pylist():
        shown.setdefault((row["ip"], row["service"]), {})[row["spki_sha256"]] = row["algorithm"]
    return shown


def _flaws(evidence: Evidence, hosts: ibis.Table) -> dict[str, dict[str, bool | None]]:
    rows = hygiene_hosts(evidence).join(hosts, "host").select("ip", *FLAWS).to_pyarrow().to_pylist()
    return {row["ip"]: {flaw: row[flaw] for flaw in FLAWS} for row in rows}


def _rechecks(evidence: Evidence, asked: ibis.Table) -> dict[tuple[str, str], list[_Checked]]:
    rows = evidence.dataset.table("rechecks").semi_join(asked, "ip").order_by("asked_at")
    rows = rows.select("ip", "service", "run_id", "asked_at", "spki_sha256", "verdict")
    checked: dict[tuple[str, str], list[_Checked]] = {}
    for row in rows.to_pyarrow().to_pylist():
        state = _OF_VERDICT.get(RecheckVerdict(row["verdict"]), State.UNKNOWN)
        each = _Checked(row["run_id"], row["asked_at"], row["spki_sha256"], state)
        checked.setdefault((row["ip"], row["service"]), []).append(each)
    return checked
