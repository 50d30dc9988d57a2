"""What OpenSSL says of one chain at one time, against one root store.

OpenSSL's verifier stops at its first objection unless a callback tells it to go on, and its binding for Python has no
such callback. Further objections are found by asking again:

1. as it is, at the time of the grab. No objection: OpenSSL's own path, and done.
2. Where it objects to a time: again without regard to time.
3. Where it finds no issuer, or a root that it does not trust: again, trusting the last certificate it came to.
4. Times, key usage and signatures of what the path has besides are looked at one by one, with our own walk where
   OpenSSL gives no path. Security levels (keys, digests) are always ours: the binding cannot ask for a level.

The first objection of OpenSSL decides the status. Purposes (extended key usage) and host names are not part of it,
as with `openssl verify`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise

from OpenSSL import crypto

from mailcensus.facts.read_certificate import HAS_EXPIRED, NOT_YET_VALID, ReadCertificate, read_certificate
from mailcensus.facts.root_stores import RootStore
from mailcensus.facts.security_level import CA_MD_TOO_WEAK, security_level, weaknesses
from mailcensus.model import ChainError, ChainStatus

SENT_CERTIFICATES = 30
"""Certificates of a chain that are looked at: each one more costs a verification at worst."""
PATH_CERTIFICATES = SENT_CERTIFICATES + 10

_STORES = 50
"""Stores of one time each that are kept."""

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of x509_vfy.h, which the binding has no name for."""
_SIGNATURE_FAILURE, _NO_CERT_SIGN = 7, 32
_TIME = (NOT_YET_VALID, HAS_EXPIRED)
_NO_ISSUER = (2, 20, 21)
"""Unable to get issuer certificate, to get it locally, to verify the first certificate."""
_NO_PATH = (*_NO_ISSUER, 18, 19, 27)
"""And: self-signed leaf, self-signed certificate in the chain, certificate not trusted."""
_STATUS = {
    7: ChainStatus.BAD_SIGNATURE,
    9: ChainStatus.NOT_YET_VALID,
    10: ChainStatus.EXPIRED,
    18: ChainStatus.SELF_SIGNED,
    19: ChainStatus.UNTRUSTED_ROOT,
    **dict.fromkeys(_NO_ISSUER, ChainStatus.BROKEN_CHAIN),
}
_NAMES = {
    7: "certificate signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    32: "key usage does not include certificate signing",
}
UNREADABLE = ChainError(code=0, name="the certificate cannot be read", depth=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said of a chain at `at`."""

    status: ChainStatus
    errors: tuple[ChainError, ...]
    path: tuple[ReadCertificate, ...]
    """As far as it goes."""
    anchored: bool
    """The path ends in a certificate of the store."""
    security_level: int | None
    at: datetime

    @property
    def broken(self) -> bool:
        """An issuer is missing."""
        return any(error.code in _NO_ISSUER for error in self.errors)


@dataclass(frozen=True, slots=True)
class _Answer:
    """OpenSSL's answer: a path, or the first objection and the certificate it concerns."""

    path: tuple[bytes, ...] | None
    error: ChainError | None = None
    about: crypto.X509 | None = None

    def is_one_of(self, codes: Iterable[int]) -> bool:
        return self.error is not None and self.error.code in codes


class Verifier:
    """Judges chains against one root store."""

    def __init__(self, store: RootStore) -> None:
        self.store = store
        roots = [root for root in map(read_certificate, store.certificates) if root is not None]
        self._at_times: OrderedDict[datetime, crypto.X509Store] = OrderedDict()
        self._at_any_time = _openssl_store([root.x509 for root in roots], _NO_CHECK_TIME)
        self._roots = {root.encoded_sha256: root for root in roots}
        self._by_subject = _by_subject(roots)

    def judge(self, leaf: ReadCertificate, helpers: Sequence[ReadCertificate], at: datetime) -> Verdict:
        """The verdict on a leaf with the certificates that were sent behind it."""
        at = at.replace(microsecond=0)
        answers = self._answers(leaf, helpers, at)
        path = self._path(leaf, helpers, at, answers)
        errors = {(error.code, error.depth): error for answer in answers if (error := answer.error)}
        for error in _of_each(path, at, answers):
            errors.setdefault((error.code, error.depth), error)
        anchored = path[-1].encoded_sha256 in self._roots
        links = [certificate.links for certificate in path]
        weak = weaknesses(links, anchored)
        return Verdict(
            status=_status([*errors.values()], weak),
            errors=(*errors.values(), *weak),
            path=path,
            anchored=anchored,
            security_level=security_level(links, anchored),
            at=at,
        )

    def verifies(self, leaf: ReadCertificate, helpers: Sequence[ReadCertificate], at: datetime) -> bool:
        """Whether OpenSSL finds a path that it has nothing against, weak or not."""
        return self._ask_at(leaf, helpers, at.replace(microsecond=0)).error is None

    def _answers(
        self, leaf: ReadCertificate, helpers: Sequence[ReadCertificate], at: datetime
    ) -> list[_Answer]:
        """OpenSSL's answers, each asked for to get past the objection of the one before."""
        answers = [self._ask_at(leaf, helpers, at)]
        if answers[-1].is_one_of(_TIME):
            answers.append(_ask(self._at_any_time, leaf, helpers))
        if answers[-1].is_one_of(_NO_PATH) and (top := answers[-1].about) is not None:
            flags = _NO_CHECK_TIME | crypto.X509StoreFlags.PARTIAL_CHAIN
            answers.append(_ask(_openssl_store([top], flags), leaf, helpers))
        return answers

    def _ask_at(self, leaf: ReadCertificate, helpers: Sequence[ReadCertificate], at: datetime) -> _Answer:
        """OpenSSL's answer for `at`, asked at the beginning of its day where nothing changes between the two."""
        day = at.replace(hour=0, minute=0, second=0)
        changes = any(day < time <= at for time in self.changes([leaf, *helpers]))
        return _ask(self._store_at(at if changes else day), leaf, helpers)

    def _store_at(self, at: datetime) -> crypto.X509Store:
        """A store whose clock stands. One of its own for each time: OpenSSL sets the clock of a store only once."""
        if at not in self._at_times:
            store = _openssl_store([root.x509 for root in self._roots.values()])
            store.set_time(at.astimezone(UTC).replace(tzinfo=None))
            self._at_times[at] = store
        self._at_times.move_to_end(at)
        while len(self._at_times) > _STORES:
            self._at_times.popitem(last=False)
        return self._at_times[at]

    def _path(
        self,
        leaf: ReadCertificate,
        helpers: Sequence[ReadCertificate],
        at: datetime,
        answers: Sequence[_Answer],
    ) -> tuple[ReadCertificate, ...]:
        """OpenSSL's path; our own where it gives none."""
        known = {one.encoded_sha256: one for one in (*helpers, leaf)}
        for answer in answers:
            if answer.path is not None:
                hashes = [digest.hex() for digest in answer.path]
                return tuple(known.get(name) or self._roots[name] for name in hashes)
        return tuple(self._walk(leaf, helpers, at))

    def _walk(
        self, leaf: ReadCertificate, helpers: Sequence[ReadCertificate], at: datetime
    ) -> list[ReadCertificate]:
        """From issuer to issuer as OpenSSL goes: the store first, what was sent next, what is valid before the rest."""
        sent = _by_subject(helpers)
        path = [leaf]
        while len(path) < PATH_CERTIFICATES and not path[-1].links.self_issued:
            issuer = path[-1].links.issuer
            candidates = [
                one
                for one in (*self._by_subject.get(issuer, ()), *sent.get(issuer, ()))
                if one not in path and _may_issue(one, path[-1])
            ]
            if not candidates:
                break
            path.append(next((one for one in candidates if not one.time_error(at)), candidates[0]))
        return path

    def changes(self, certificates: Sequence[ReadCertificate]) -> list[datetime]:
        """Times at which the verdict on them may change: a certificate that may matter begins or has ended."""
        return [
            time for one in (*certificates, *self._roots_above(certificates)) for time in _changes_at(one)
        ]

    def _roots_above(self, certificates: Sequence[ReadCertificate]) -> list[ReadCertificate]:
        above: dict[str, ReadCertificate] = {}
        wanted = {one.links.issuer for one in certificates}
        while wanted:
            found = [
                root for name in wanted for root in self._by_subject.get(name, ()) if root.sha256 not in above
            ]
            above.update({root.sha256: root for root in found})
            wanted = {root.links.issuer for root in found}
        return list(above.values())


def anchored_path(
    anchor: ReadCertificate, leaf: ReadCertificate, helpers: Sequence[ReadCertificate], at: datetime
) -> bool:
    """Whether OpenSSL finds a path that it has nothing against when it trusts one certificate, a root or not."""
    store = _openssl_store([anchor.x509], crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(at.astimezone(UTC).replace(tzinfo=None, microsecond=0))
    return _ask(store, leaf, helpers).error is None


def _openssl_store(roots: Iterable[crypto.X509], flags: int = 0) -> crypto.X509Store:
    store = crypto.X509Store()
    for root in roots:
        store.add_cert(root)
    store.set_flags(flags)
    return store


def _ask(store: crypto.X509Store, leaf: ReadCertificate, helpers: Sequence[ReadCertificate]) -> _Answer:
    context = crypto.X509StoreContext(store, leaf.x509, [one.x509 for one in helpers])
    try:
        path = context.get_verified_chain()
    except crypto.X509StoreContextError as objection:
        code, depth, name = objection.errors
        return _Answer(None, ChainError(code=code, name=name, depth=depth), objection.certificate)
    return _Answer(tuple(sha256(crypto.dump_certificate(crypto.FILETYPE_ASN1, one)).digest() for one in path))


def _of_each(path: Sequence[ReadCertificate], at: datetime, answers: Sequence[_Answer]) -> list[ChainError]:
    """Times, uses and signatures of a path to which OpenSSL objected; of another it has seen all."""
    if answers[0].error is None:
        return []
    errors = [
        ChainError(code=code, name=_NAMES[code], depth=depth)
        for depth, one in enumerate(path)
        if (code := one.time_error(at))
    ]
    if answers[-1].error is None:
        return errors
    errors += [
        ChainError(code=_NO_CERT_SIGN, name=_NAMES[_NO_CERT_SIGN], depth=depth)
        for depth, one in enumerate(path)
        if depth > 0 and one.links.may_sign is False
    ]
    for depth, (one, issuer) in enumerate(pairwise(path)):
        if one.links.signature.verifies(issuer.links.spki, one.links.tbs) is False:
            errors.append(ChainError(code=_SIGNATURE_FAILURE, name=_NAMES[_SIGNATURE_FAILURE], depth=depth))
    return errors


def _status(errors: Sequence[ChainError], weak: Sequence[ChainError]) -> ChainStatus:
    if errors:
        return _STATUS.get(errors[0].code, ChainStatus.OTHER)
    if weak:
        only_digests = all(error.code == CA_MD_TOO_WEAK for error in weak)
        return ChainStatus.WEAK_SIGNATURE if only_digests else ChainStatus.WEAK_KEY
    return ChainStatus.VALID


def _by_subject(certificates: Iterable[ReadCertificate]) -> dict[bytes, list[ReadCertificate]]:
    found: dict[bytes, list[ReadCertificate]] = {}
    for one in certificates:
        found.setdefault(one.links.subject, []).append(one)
    return found


def _may_issue(issuer: ReadCertificate, issued: ReadCertificate) -> bool:
    """Key identifiers do not speak against it."""
    here, there = issuer.links.subject_key, issued.links.issuer_key
    return here is None or there is None or here == there


def _changes_at(certificate: ReadCertificate) -> list[datetime]:
    """When its validity begins, and the second after its last."""
    times = [certificate.links.not_before] if certificate.links.not_before is not None else []
    if certificate.links.not_after is not None and certificate.links.not_after.year < 9999:
        times.append(certificate.links.not_after + timedelta(seconds=1))
    return times
