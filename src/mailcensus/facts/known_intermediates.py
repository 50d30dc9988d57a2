"""Certificates of authorities that servers of the dataset sent: what completes the chains of those who forgot them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from mailcensus.facts.read_certificate import ReadCertificate, read_certificate

COMPLETING = 20
"""Certificates that are added to a chain at most."""
_OF_ONE_NAME = 4
"""Of each name at most: anybody can send certificates under somebody's name."""


class KnownIntermediates:
    """Intermediates by the name of their subject."""

    def __init__(self, certificates: Iterable[bytes]) -> None:
        found = {one.sha256: one for one in map(read_certificate, certificates) if one is not None}
        self._by_subject: dict[bytes, list[ReadCertificate]] = {}
        for name in sorted(found):  # whatever the order of the dataset's parts
            if not found[name].links.self_issued:
                self._by_subject.setdefault(found[name].links.subject, []).append(found[name])
        self.sha256 = hashlib.sha256("".join(sorted(found)).encode()).hexdigest()
        """Names this set of certificates."""

    def completing(self, chain: Sequence[ReadCertificate]) -> list[ReadCertificate]:
        """Those that may issue a certificate of the chain, or one of those that may, and so on."""
        have = {one.sha256 for one in chain}
        added: list[ReadCertificate] = []
        wanted = list(dict.fromkeys(one.links.issuer for one in chain))
        for name in wanted:  # grows
            for one in self._of(name, chain):
                if one.sha256 not in have and len(added) < COMPLETING:
                    have.add(one.sha256)
                    added.append(one)
                    if one.links.issuer not in wanted:
                        wanted.append(one.links.issuer)
        return added

    def _of(self, name: bytes, chain: Sequence[ReadCertificate]) -> list[ReadCertificate]:
        """Those whose key identifier is asked for come first."""
        asked_for = {one.links.issuer_key for one in chain if one.links.issuer == name}
        candidates = self._by_subject.get(name, [])
        return sorted(candidates, key=lambda one: one.links.subject_key not in asked_for)[:_OF_ONE_NAME]
