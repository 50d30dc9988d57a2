"""From a chain as it was sent to its rows of `chains`: one for each root store and span of time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailcensus.facts.chain_verdict import SENT_CERTIFICATES, UNREADABLE, Verdict, Verifier
from mailcensus.facts.known_intermediates import KnownIntermediates
from mailcensus.facts.read_certificate import ReadCertificate, read_certificate
from mailcensus.facts.revocation import Revocation, RevocationLists
from mailcensus.facts.root_stores import RootStore
from mailcensus.model import Chain, ChainStatus


@dataclass(frozen=True, slots=True)
class SentChain:
    """A chain as one or more servers sent it."""

    hashes: tuple[str, ...]
    """SHA-256 of its certificates, hex, in the order sent."""
    certificates: tuple[bytes | None, ...]
    """Their DER; None where it was not kept. Those behind the first SENT_CERTIFICATES may be left out."""
    seen: tuple[tuple[datetime, datetime], ...]
    """When: the first and the last time of each run."""


def chain_id(hashes: Sequence[str]) -> str:
    """Names a chain; `sha256(array_to_string(tls.chain, ''))` in DuckDB."""
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


class Judge:
    """Makes the rows of chains against several root stores."""

    def __init__(
        self, stores: Sequence[RootStore], known: KnownIntermediates, lists: RevocationLists
    ) -> None:
        self._verifiers = {store.sha256: Verifier(store) for store in stores}
        self._known = known
        self._lists = lists

    def rows(self, chain: SentChain, store_sha256: str) -> list[Chain]:
        """Rows for all times at which the chain was seen, of one store, in order."""
        read = [_read(der) for der in chain.certificates[:SENT_CERTIFICATES]]
        verifier = self._verifiers[store_sha256]
        rows: list[Chain] = []
        for first, last in sorted(chain.seen):
            if not rows or _ends_before(rows[-1], first):
                rows.append(self._row(chain, read, verifier, first))
            while (ends := rows[-1].holds_until) is not None and ends <= last:
                rows.append(self._row(chain, read, verifier, ends))
        return rows

    def _row(
        self, chain: SentChain, read: Sequence[ReadCertificate | None], verifier: Verifier, at: datetime
    ) -> Chain:
        leaf = read[0] if read else None
        others = [one for one in read[1:] if one is not None]
        row = Chain(
            chain_id=chain_id(chain.hashes),
            leaf_sha256=chain.hashes[0],
            sent=len(chain.hashes),
            root_store=verifier.store.name,
            store_date=verifier.store.dated,
            store_sha256=verifier.store.sha256,
            at=at,
            holds_from=None,
            holds_until=None,
            status=ChainStatus.OTHER,
            errors=(UNREADABLE,),
            duplicates=len(chain.hashes) - len(set(chain.hashes)),
            unreadable=len(chain.hashes) - len(others) - (leaf is not None),
        )
        if leaf is None:
            return row
        return self._judged(row, leaf, others, verifier, at)

    def _judged(
        self,
        row: Chain,
        leaf: ReadCertificate,
        others: Sequence[ReadCertificate],
        verifier: Verifier,
        at: datetime,
    ) -> Chain:
        verdict = verifier.judge(leaf, others, at)
        completing: list[ReadCertificate] = []
        if verdict.broken:
            completing = self._known.completing([leaf, *others])
            row = replace(
                row,
                valid_with_known_intermediates=bool(completing)
                and verifier.verifies(leaf, [*others, *completing], at),
                known_intermediates_sha256=self._known.sha256,
            )
        row = self._with_revocation(row, verdict, leaf)
        begins, ends = self._span(verifier, verdict, [leaf, *others, *completing])
        path = tuple(one.sha256 for one in verdict.path)
        return replace(
            row,
            holds_from=begins,
            holds_until=ends,
            status=verdict.status,
            errors=verdict.errors,
            path=path,
            path_length=len(path),
            root_issued_leaf=len(path) == 2 if verdict.anchored else None,
            security_level=verdict.security_level,
            wrong_order=_wrong_order(path, [leaf, *others]),
            superfluous=_superfluous(path, others),
            root_sent=any(one.links.self_issued and one.sha256 != leaf.sha256 for one in others),
        )

    def _with_revocation(self, row: Chain, verdict: Verdict, leaf: ReadCertificate) -> Chain:
        if not self._lists:
            return row
        said: Revocation = self._lists.status(
            leaf, verdict.path[1] if len(verdict.path) > 1 else None, verdict.at
        )
        return replace(
            row,
            revocation=said.status,
            revoked_at=said.at,
            revocation_reason=said.reason,
            crls_sha256=self._lists.sha256,
        )

    def _span(
        self, verifier: Verifier, verdict: Verdict, certificates: Sequence[ReadCertificate]
    ) -> tuple[datetime | None, datetime | None]:
        """The verdict's own span, cut where a helper's validity or a list changes."""
        times = [*verifier.changes(certificates), *self._lists.changes(certificates[0])]
        return (
            max((time for time in times if time <= verdict.at), default=None),
            min((time for time in times if time > verdict.at), default=None),
        )


def _ends_before(row: Chain, at: datetime) -> bool:
    return row.holds_until is not None and row.holds_until <= at


def _read(der: bytes | None) -> ReadCertificate | None:
    return None if der is None else read_certificate(der)


def _wrong_order(path: Sequence[str], sent: Sequence[ReadCertificate]) -> bool:
    """Whether certificates of the path were sent in another order than that of the path."""
    first_places = {one.sha256: place for place, one in reversed(list(enumerate(sent)))}
    places = [first_places[name] for name in path if name in first_places]
    return places != sorted(places)


def _superfluous(path: Sequence[str], others: Sequence[ReadCertificate]) -> int:
    unneeded = {one.sha256 for one in others if not one.links.self_issued} - set(path)
    return len(unneeded)
