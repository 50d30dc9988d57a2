"""The keys and certificates of an experiment: one file a kind, each made once, none ever overwritten.

They come from an authority of the experiment's own, which nobody trusts who has not been told to. Whoever wants to
see what senders do with a certificate that all of them trust puts one of a public authority in the place of
`valid.pem` (key, certificate, intermediates; PEM) before `mailcensus senders plan` writes the TLSA records.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gmpy2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import ocsp

from mailcensus.lab.pki import signed_with_sha1
from mailcensus.senders.conditions import Shows
from mailcensus.study import StageFailed, StudyError

_DAY = timedelta(days=1)
_EXPONENT = 65_537
_ELSEWHERE = "elsewhere.invalid"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a receiver shows: a key, where it has one, and the chain, leaf first."""

    key: rsa.RSAPrivateKey | None
    """None: the export key, whose private half is not kept, since no handshake with it is ever finished."""
    chain: tuple[x509.Certificate, ...]

    @property
    def ders(self) -> tuple[bytes, ...]:
        """The chain's bytes."""
        return tuple(certificate.public_bytes(Encoding.DER) for certificate in self.chain)

    @property
    def spki(self) -> bytes:
        """The leaf's SubjectPublicKeyInfo, as TLSA records hash it (RFC 6698 section 2.1.2)."""
        return self.chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class _Issuer:
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


class Certificates:
    """The certificates below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read_once: dict[Shows, Shown] = {}

    def make(self, names: Sequence[str], now: datetime) -> None:
        """Make what is not there yet.

        Args:
            names: of all MX hosts and policy hosts; every certificate but the wrong one is for all of them.
        Raises:
            StageFailed: a file cannot be written.
            StudyError: one that is there cannot be read.
        """
        maker = _Maker(self, list(names), now)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            for kind in Shows:
                if not self.path(kind.value).exists():
                    self._write(kind.value, maker.shown(kind))
        except OSError as error:
            raise StageFailed(f"{self._directory}: cannot be written: {error.strerror or error}") from error

    def path(self, name: str) -> Path:
        """Where one is."""
        return self._directory / f"{name}.pem"

    def get(self, kind: Shows) -> Shown:
        """What a receiver of this kind shows.

        Raises:
            StudyError: it is not there, or cannot be read.
        """
        if kind not in self._read_once:
            self._read_once[kind] = self._read(kind.value)
        return self._read_once[kind]

    def revocation(self, now: datetime) -> bytes:
        """An OCSP response for the revoked certificate that says so, good for a week (RFC 6960)."""
        leaf, issuer = self.get(Shows.REVOKED).chain[0], self._issuer("authority")
        return (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=leaf,
                issuer=issuer.certificate,
                algorithm=hashes.SHA1(),  # names the certificate; RFC 5019 wants this one
                cert_status=ocsp.OCSPCertStatus.REVOKED,
                this_update=now - _DAY / 24,
                next_update=now + 7 * _DAY,
                revocation_time=now - _DAY,
                revocation_reason=x509.ReasonFlags.key_compromise,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
            .sign(issuer.key, hashes.SHA256())
            .public_bytes(Encoding.DER)
        )

    def authority(self, name: str, make: Callable[[], _Issuer]) -> _Issuer:
        """An authority of the experiment, made where there is none yet."""
        if not self.path(name).exists():
            made = make()
            self._write(name, Shown(made.key, (made.certificate,)))
        return self._issuer(name)

    def _issuer(self, name: str) -> _Issuer:
        shown = self._read(name)
        if shown.key is None:
            raise StudyError(f"{self.path(name)}: no private key in it")
        return _Issuer(shown.chain[0], shown.key)

    def _read(self, name: str) -> Shown:
        path = self.path(name)
        try:
            pem = path.read_bytes()
            # Unchecked: they are ours, and a check of each takes longer than all the rest.
            has_key = b"PRIVATE KEY" in pem
            key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True) if has_key else None
            chain = tuple(x509.load_pem_x509_certificates(pem))
        except FileNotFoundError:
            raise StudyError(f"{path}: not found; run: mailcensus senders plan") from None
        except (OSError, ValueError, TypeError) as error:
            raise StudyError(
                f"{path}: cannot be read: {error}; it needs a key and certificates, PEM"
            ) from None
        if key is not None and not isinstance(key, rsa.RSAPrivateKey):
            raise StudyError(f"{path}: the key must be RSA, which senders of every age can use")
        return Shown(key, chain)

    def _write(self, name: str, shown: Shown) -> None:
        path = self.path(name)
        temporary = path.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        key = b""
        if shown.key is not None:
            key = shown.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        temporary.write_bytes(key + b"".join(each.public_bytes(Encoding.PEM) for each in shown.chain))
        temporary.replace(path)


class _Maker:
    """Makes certificates of every kind for the same names."""

    def __init__(self, files: Certificates, names: list[str], now: datetime) -> None:
        self._files, self._names = files, names
        self._now = now.astimezone(UTC).replace(microsecond=0)

    def shown(self, kind: Shows) -> Shown:
        """One kind."""
        match kind:
            case Shows.SELF_SIGNED:
                return self._leaf(None)
            case Shows.EXPIRED:
                return self._leaf(self._root(), since=-400, until=-30)
            case Shows.NOT_YET_VALID:
                return self._leaf(self._root(), since=300, until=600)
            case Shows.WRONG_NAME:
                return self._leaf(self._root(), names=[_ELSEWHERE])
            case Shows.UNTRUSTED_CA:
                return self._leaf(self._root("unknown_authority"))
            case Shows.BROKEN_CHAIN:
                return self._leaf(self._intermediate())
            case Shows.WEAK_KEY:
                return self._leaf(self._root(), key=_key(1_024))
            case Shows.SHA1:
                return self._leaf(self._root(), sha1=True)
            case Shows.RENEWED:
                valid = self._files.get(Shows.VALID)
                return self._leaf(self._root(), key=valid.key, since=-1)
            case Shows.EXPORT_KEY:
                public = rsa.RSAPublicNumbers(_EXPONENT, _modulus(512)).public_key()
                return Shown(None, (self._sign(public, self._root(), self._names, -30, 365),))
            case Shows.VALID | Shows.REVOKED | Shows.OTHER_KEY:
                return self._leaf(self._root())

    def _leaf(
        self,
        issuer: _Issuer | None,
        *,
        names: list[str] | None = None,
        key: rsa.RSAPrivateKey | None = None,
        since: int = -30,
        until: int = 365,
        sha1: bool = False,
    ) -> Shown:
        key = key or _key(2_048)
        issuer_key = None if issuer is None else issuer.key
        certificate = self._sign(key.public_key(), issuer or key, names or self._names, since, until)
        if sha1 and issuer_key is not None:
            certificate = signed_with_sha1(certificate, issuer_key)
        return Shown(key, (certificate,))

    def _sign(
        self,
        public: rsa.RSAPublicKey,
        issuer: _Issuer | rsa.RSAPrivateKey,
        names: list[str],
        since: int,
        until: int,
        *,
        authority: bool = False,
    ) -> x509.Certificate:
        """A certificate from so many days on until so many days on; self-signed where the issuer is a key."""
        subject = _name(names[0])
        key = issuer.key if isinstance(issuer, _Issuer) else issuer
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if isinstance(issuer, _Issuer) else subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now + since * _DAY)
            .not_valid_after(self._now + until * _DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
        )
        if not authority:
            sans = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(sans, critical=False)
        return builder.sign(key, hashes.SHA256())

    def _root(self, name: str = "authority") -> _Issuer:
        def make() -> _Issuer:
            key = _key(2_048)
            title = f"mailcensus senders {name} {secrets.token_hex(4)}"
            return _Issuer(self._sign(key.public_key(), key, [title], -800, 3_650, authority=True), key)

        return self._files.authority(name, make)

    def _intermediate(self) -> _Issuer:
        def make() -> _Issuer:
            key, root = _key(2_048), self._root()
            title = f"mailcensus senders intermediate {secrets.token_hex(4)}"
            return _Issuer(self._sign(key.public_key(), root, [title], -800, 3_000, authority=True), key)

        return self._files.authority("intermediate", make)


def _key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(_EXPONENT, bits)


def _modulus(bits: int) -> int:
    """A product of two primes: libraries make no RSA keys as short as this any more."""
    half = bits // 2
    primes = (gmpy2.next_prime(secrets.randbits(half) | 3 << (half - 2)) for _ in "pq")
    return int(next(primes) * next(primes))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text[:64])])
