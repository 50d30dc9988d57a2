"""Authorities of our own and what they issue: the same seed gives the same bytes.

The keys follow from a public seed: they protect nothing and must never leave the lab.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import gmpy2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from mailcensus.lab.rsa_primes import EXPONENT, rsa_key_of

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""When the chains are seen."""
LONG_AGO, LAST_YEAR, NEXT_YEAR, FAR_OFF = (
    datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC) for year in (2016, 2025, 2027, 2046)
)
LAST_MONTH, NEXT_MONTH = AT - timedelta(days=30), AT + timedelta(days=30)

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SHA256_WITH_RSA, _SHA1_WITH_RSA = (bytes.fromhex("06092a864886f70d0101" + last) for last in ("0b", "05"))
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a certificate is to be; without any, a good one of a server."""

    authority: bool = False
    since: datetime = LAST_YEAR
    until: datetime = NEXT_YEAR
    rsa_bits: int | None = None
    """None: a key on P-256."""
    curve: ec.EllipticCurve | None = None
    sha1: bool = False
    """Signed with SHA-1; the issuer's key must be RSA."""
    path_length: int | None = None
    extension: x509.ExtensionType | None = None
    """One more, critical."""


SERVER = Terms()
AUTHORITY = Terms(authority=True, since=LONG_AGO, until=FAR_OFF)


@dataclass(slots=True)
class LabAuthorities:
    """A small world of authorities: two roots that are trusted, one that is not, and what hangs on them."""

    seed: str = "1"
    _made: dict[str, Signer] = field(default_factory=dict)

    @property
    def roots_pem(self) -> bytes:
        """The root store of this world."""
        roots = (self.root("trusted root"), self.root("second root"))
        return b"".join(root.certificate.public_bytes(Encoding.PEM) for root in roots)

    def root(self, name: str) -> Signer:
        """A self-signed authority."""
        return self.authority(name, None)

    def authority(self, name: str, above: Signer | None, terms: Terms = AUTHORITY) -> Signer:
        """An authority that another one has issued; the same one for the same name."""
        if name not in self._made:
            self._made[name] = self.issue(name, above, terms)
        return self._made[name]

    def leaf(self, name: str, above: Signer | None, terms: Terms = SERVER) -> bytes:
        """A server's certificate; self-signed with nobody above."""
        return self.issue(name, above, terms).der

    def issue(self, name: str, above: Signer | None, terms: Terms) -> Signer:
        """Any certificate; self-signed with nobody above."""
        key = self._key(name, terms)
        signer = key if above is None else above.key
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(name) if above is None else above.certificate.subject)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(self._digest("serial " + name)[:15], "big") | 1)
            .not_valid_before(terms.since)
            .not_valid_after(terms.until)
        )
        for extension, critical in _extensions(name, key, signer, terms):
            builder = builder.add_extension(extension, critical=critical)
        if isinstance(signer, ec.EllipticCurvePrivateKey):
            return Signer(builder.sign(signer, hashes.SHA256(), ecdsa_deterministic=True), key)
        certificate = builder.sign(signer, hashes.SHA256())
        return Signer(signed_with_sha1(certificate, signer) if terms.sha1 else certificate, key)

    def _key(self, name: str, terms: Terms) -> Key:
        if terms.rsa_bits is not None:
            return rsa_key_of(*(self._prime(f"{name} {one}", terms.rsa_bits // 2) for one in "pq"))
        secret = int.from_bytes(self._digest("key " + name), "big") % (_P256_ORDER - 1) + 1
        curve = terms.curve or ec.SECP256R1()
        return ec.derive_private_key(secret >> (257 - curve.key_size if terms.curve else 0), curve)

    def _prime(self, name: str, bits: int) -> int:
        raw = hashlib.shake_256(f"mailcensus lab {self.seed} prime {name}".encode()).digest(bits // 8)
        number = gmpy2.mpz(int.from_bytes(raw, "big") | 3 << (bits - 2) | 1)
        while True:
            number = gmpy2.next_prime(number)
            if (number - 1) % EXPONENT:
                return int(number)

    def _digest(self, what: str) -> bytes:
        return hashlib.sha512(f"mailcensus lab {self.seed} {what}".encode()).digest()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _extensions(name: str, key: Key, signer: Key, terms: Terms) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
    yield x509.BasicConstraints(ca=terms.authority, path_length=terms.path_length), True
    if not terms.authority:
        yield x509.SubjectAlternativeName([x509.DNSName(name)]), False
    if terms.extension is not None:
        yield terms.extension, True


def signed_with_sha1(certificate: x509.Certificate, signer: rsa.RSAPrivateKey) -> x509.Certificate:
    """The same certificate signed anew: the library makes no such signatures any more."""
    tbs = certificate.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    signature = signer.sign(tbs, padding.PKCS1v15(), hashes.SHA1())
    der = certificate.public_bytes(Encoding.DER).replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    return x509.load_der_x509_certificate(der[: -len(signature)] + signature)
