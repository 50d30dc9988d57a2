"""What senders can do, by their ClientHellos and names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mailcensus.analysis.senders.matching import Attempt, Matched
from mailcensus.analysis.senders.rows import SenderCapabilityRow
from mailcensus.senders.deferrals import identities, registered_domain
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import GROUPS, VERSIONS

_WEAK = ("_RC4_", "_3DES_", "_DES_", "_DES40_", "_EXPORT_", "_NULL_", "_anon_", "_RC2_")
_MLKEM = "MLKEM"
_HELLO = Mapping[str, Any]


def capability_rows(
    tokens: Sequence[Mapping[str, Any]],
    matched: Matched,
    fetches: Sequence[Mapping[str, Any]],
    reports: Sequence[Mapping[str, Any]],
) -> list[SenderCapabilityRow]:
    """One row per sender, in the order of the tokens."""
    senders = dict.fromkeys(row["sender"] for row in tokens)
    return [
        _row(
            sender,
            _attempts_of(sender, tokens, matched),
            matched.identities_of.get(sender, set()),
            fetches,
            reports,
        )
        for sender in senders
    ]


def _attempts_of(sender: str, tokens: Sequence[Mapping[str, Any]], matched: Matched) -> list[Attempt]:
    names = [row["token"] for row in tokens if row["sender"] == sender]
    found = [
        attempt
        for name in names
        for kind in (matched.certain, matched.inferred)
        for attempt in kind.get(name, [])
    ]
    return sorted(found, key=lambda attempt: attempt["started_at"])


def _row(
    sender: str,
    attempts: Sequence[Attempt],
    known_by: set[str],
    fetches: Sequence[Mapping[str, Any]],
    reports: Sequence[Mapping[str, Any]],
) -> SenderCapabilityRow:
    hellos: list[_HELLO] = [a["client_hello"] for a in attempts if a["client_hello"] is not None]
    versions = sorted({version for hello in hellos for version in _versions(hello)})
    listed = any(hello["versions"] is not None for hello in hellos)
    suites = [list(_real(hello["cipher_suites"])) for hello in hellos]
    groups = [GROUPS.get(code, str(code)) for code in _real(hellos[-1]["groups"])] if hellos else []
    names = {name for a in attempts for name in (a["ptr"], a["ehlo_name"]) if name}
    return SenderCapabilityRow(
        sender=sender,
        connections=len(attempts),
        addresses=len({attempt["client_ip"] for attempt in attempts}),
        domains=tuple(sorted({d for d in map(registered_domain, names) if d is not None})),
        hellos=len(hellos),
        ja4=_distinct(hello["ja4"] for hello in hellos),
        ja3=_distinct(hello["ja3"] for hello in hellos),
        lowest_version=VERSIONS.get(versions[0], str(versions[0])) if versions and listed else None,
        highest_version=VERSIONS.get(versions[-1], str(versions[-1])) if versions else None,
        suites=max(map(len, suites), default=None),
        weak_suites=tuple(_weak({code for offered in suites for code in offered})),
        groups=tuple(groups),
        post_quantum=any(_MLKEM in group.upper() for group in groups) if hellos else None,
        sni_share=sum(hello["sni"] is not None for hello in hellos) / len(hellos) if hellos else None,
        requiretls=any(attempt["requiretls_asked"] for attempt in attempts),
        policies=sum(f["condition"] is not None and _ours(f["client_ip"], known_by) for f in fetches),
        reports=sum(_ours(report["client_ip"], known_by) for report in reports),
    )


def _versions(hello: _HELLO) -> Iterable[int]:
    if hello["versions"] is not None:
        return list(_real(hello["versions"]))
    return [hello["legacy_version"]] if hello["legacy_version"] is not None else []


def _real(codes: Sequence[int] | None) -> Iterator[int]:
    """Without GREASE (RFC 8701 section 2) and signals, which are no suites."""
    for code in codes or ():
        if not (code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF) and code not in (0x00FF, 0x5600):
            yield code


def _weak(codes: Iterable[int]) -> Iterator[str]:
    for code in sorted(codes):
        name = CIPHER_SUITES.get(code, "")
        if any(part in f"{name}_" for part in _WEAK):
            yield name


def _ours(client_ip: str, known_by: set[str]) -> bool:
    return identities(client_ip)[0] in known_by


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))
