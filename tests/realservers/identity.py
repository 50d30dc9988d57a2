"""Keys and certificates for our servers, made on the spot: a root, an intermediate, and leaves under it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a TLS server shows, and where its files are."""

    private_key: PrivateKey
    key_file: Path
    chain_file: Path
    """PEM: the leaf, then the intermediate."""
    chain_der: tuple[bytes, ...]
    """The same, as they must come over the wire."""

    @property
    def chain_sha256(self) -> tuple[str, ...]:
        """Name of each certificate sent, leaf first."""
        return tuple(hashlib.sha256(der).hexdigest() for der in self.chain_der)

    @property
    def spki_sha256(self) -> str:
        """Name of the leaf's key."""
        return spki_sha256(self.private_key)


class Authority:
    """A root and an intermediate; the root is never sent.

    Attributes:
        root_file: PEM: the root, for those who trust it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._intermediate_key = ec.generate_private_key(ec.SECP256R1())
        root_name, name = _name(f"Test Root of {directory.name}"), _name("Test Intermediate")
        self._intermediate_name = name
        self._intermediate = (
            _certificate(name, root_name, self._intermediate_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._root_key, hashes.SHA256())
        )
        root = (
            _certificate(root_name, root_name, self._root_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .sign(self._root_key, hashes.SHA256())
        )
        self.root_file = directory / "test-root.pem"
        self.root_file.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def identity(self, name: str, private_key: PrivateKey) -> Identity:
        """Issue a certificate for a host name and write what a server needs to use it."""
        leaf = (
            _certificate(_name(name), self._intermediate_name, private_key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self._intermediate_key, hashes.SHA256())
        )
        chain = (leaf, self._intermediate)
        chain_file = self._directory / f"{name}.chain.pem"
        chain_file.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain))
        return Identity(
            private_key=private_key,
            key_file=write_private_key(self._directory / f"{name}.key", private_key),
            chain_file=chain_file,
            chain_der=tuple(c.public_bytes(serialization.Encoding.DER) for c in chain),
        )


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A fresh RSA key."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def ecdsa_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def spki_sha256(private_key: PrivateKey) -> str:
    """SHA-256 over the SubjectPublicKeyInfo, hex: how a study names this key."""
    der = private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def write_private_key(path: Path, private_key: PrivateKey) -> Path:
    """PEM (PKCS #8) for the owner's eyes only, as sshd insists."""
    path.touch(mode=0o600)
    path.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: PrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
    )
