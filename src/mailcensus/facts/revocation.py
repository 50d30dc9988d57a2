"""Whether a certificate stands on a revocation list (RFC 5280 section 5). Lists are given, never fetched."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailcensus.facts.read_certificate import ReadCertificate
from mailcensus.study import StudyError

GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"
_PEM = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Revocation:
    """What the lists say of one certificate at one time."""

    status: str
    """good, revoked, or unknown: no list of its issuer that was in force then."""
    at: datetime | None = None
    reason: str | None = None


def crl_files(paths: Sequence[Path]) -> list[bytes]:
    """The contents of files, and of all files of directories.

    Raises:
        StudyError: one is not there, cannot be read, or a named file is no list.
    """
    contents: list[bytes] = []
    for path in paths:
        try:
            files = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
            some = [one.read_bytes() for one in files]
        except OSError as error:
            raise StudyError(f"{path}: cannot be read ({error.strerror or error}); mend facts.crls") from None
        if not any(_read(content) for content in some):
            raise StudyError(f"{path}: no certificate revocation list in DER or PEM form; mend facts.crls")
        contents += some
    return contents


class RevocationLists:
    """Lists by the name of their issuer."""

    def __init__(self, contents: Sequence[bytes]) -> None:
        self._lists: dict[bytes, list[x509.CertificateRevocationList]] = {}
        for one in (one for content in contents for one in _read(content)):
            self._lists.setdefault(one.issuer.public_bytes(), []).append(one)
        for lists in self._lists.values():
            lists.sort(key=lambda one: one.last_update_utc, reverse=True)
        self._signed: dict[tuple[int, str], bool] = {}
        self.sha256 = hashlib.sha256(
            b"".join(sorted(hashlib.sha256(c).digest() for c in contents))
        ).hexdigest()
        """Names this set of files."""

    def __bool__(self) -> bool:
        return bool(self._lists)

    def status(
        self, certificate: ReadCertificate, issuer: ReadCertificate | None, at: datetime
    ) -> Revocation:
        """What the issuer's lists say. A revocation after `at` does not count; it was good then.

        A list says that a certificate was good if it was in force at that time, or is newer and the certificate had
        not expired when it was made (expired ones are taken off lists).
        """
        lists = [] if issuer is None else self._signed_lists(certificate, issuer)
        for one in lists:
            entry = one.get_revoked_certificate_by_serial_number(certificate.links.serial)
            if entry is not None and _reason(entry) != x509.ReasonFlags.remove_from_crl:
                since, reason = entry.revocation_date_utc, _reason(entry)
                if since <= at:
                    return Revocation(REVOKED, since, reason.value if reason is not None else None)
                return Revocation(GOOD)
        return Revocation(GOOD if any(_covers(one, certificate, at) for one in lists) else UNKNOWN)

    def changes(self, certificate: ReadCertificate) -> list[datetime]:
        """Times at which what is said of a certificate may change."""
        times: list[datetime] = []
        for one in self._lists.get(certificate.links.issuer, ()):
            entry = one.get_revoked_certificate_by_serial_number(certificate.links.serial)
            ends = [one.next_update_utc, entry.revocation_date_utc if entry is not None else None]
            times += [time for time in (one.last_update_utc, *ends) if time is not None]
        return times

    def _signed_lists(
        self, certificate: ReadCertificate, issuer: ReadCertificate
    ) -> list[x509.CertificateRevocationList]:
        """Newest first, those left out that the issuer did not sign."""
        lists = self._lists.get(certificate.links.issuer, ())
        return [one for one in lists if self._is_signed(one, issuer)]

    def _is_signed(self, one: x509.CertificateRevocationList, issuer: ReadCertificate) -> bool:
        about = (id(one), issuer.sha256)
        if about not in self._signed:
            self._signed[about] = _verifies(one, issuer.links.spki)
        return self._signed[about]


def _read(content: bytes) -> list[x509.CertificateRevocationList]:
    pems = _PEM.findall(content)
    found = []
    for one in pems or [content]:
        try:
            load = x509.load_pem_x509_crl if pems else x509.load_der_x509_crl
            crl = load(one)
            crl.issuer.public_bytes(), crl.last_update_utc, crl.next_update_utc
            found.append(crl)
        except ValueError:
            continue
    return found


def _verifies(one: x509.CertificateRevocationList, spki: bytes) -> bool:
    try:
        key = load_der_public_key(spki)
        return one.is_signature_valid(key)  # type: ignore[arg-type]  # says TypeError to those that cannot sign
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _covers(one: x509.CertificateRevocationList, certificate: ReadCertificate, at: datetime) -> bool:
    made, renewed = one.last_update_utc, one.next_update_utc
    if made <= at:
        return renewed is None or at < renewed
    expires = certificate.links.not_after
    return expires is not None and made <= expires


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, ValueError):
        return None
