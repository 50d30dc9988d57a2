"""Host keys: their algorithms, fingerprints, and whether a signature over the exchange hash is theirs."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from mailcensus.model import SshHostKey
from mailcensus.wire.keys import CERTIFICATE_SUFFIX, describe_key, plain_ssh_algorithm
from mailcensus.wire.signatures import verifies
from mailcensus.wire.ssh.packet import Reader, write_string

DEFAULT_ALGORITHMS = (
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-ed25519",
    "ssh-ed448",
    "ssh-dss",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
"""What we ask for when nothing else is asked for. A server shows one key a connection; RSA comes first, then ECDSA,
because those are the kinds that TLS uses too: a key shared between SSH and TLS can only be met among them."""


def host_key_record(blob: bytes, spki: bytes | None) -> SshHostKey:
    """The record of a host key that nobody has verified yet.

    Raises:
        ProtocolError: the blob does not even name its algorithm.
    """
    return SshHostKey(
        algorithm=Reader(blob).string().decode("ascii", "backslashreplace"),
        fingerprint=fingerprint(blob),
        spki_sha256=hashlib.sha256(spki).hexdigest() if spki is not None else None,
        bits=describe_key(spki).bits if spki is not None else None,
    )


def fingerprint(blob: bytes) -> str:
    """SHA256:base64 as `ssh-keygen -l` prints it: of a host certificate, that of the key it certifies.

    Raises:
        ProtocolError: the blob is cut short.
    """
    digest = hashlib.sha256(_without_certificate(blob)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _without_certificate(blob: bytes) -> bytes:
    """The plain key's blob inside a host certificate's (OpenSSH's PROTOCOL.certkeys); any other as it is."""
    reader = Reader(blob)
    algorithm = reader.string().decode("ascii", "backslashreplace")
    fields = _CERTIFIED_FIELDS.get(algorithm)
    if fields is None:
        return blob
    reader.string()  # nonce
    plain = algorithm.removesuffix(CERTIFICATE_SUFFIX) + ("@openssh.com" if algorithm[:3] == "sk-" else "")
    return b"".join(map(write_string, (plain.encode(), *(reader.string() for _ in range(fields)))))


_CERTIFIED_FIELDS = {
    "ssh-rsa-cert-v01@openssh.com": 2,
    "ssh-dss-cert-v01@openssh.com": 4,
    "ecdsa-sha2-nistp256-cert-v01@openssh.com": 2,
    "ecdsa-sha2-nistp384-cert-v01@openssh.com": 2,
    "ecdsa-sha2-nistp521-cert-v01@openssh.com": 2,
    "ssh-ed25519-cert-v01@openssh.com": 1,
    "sk-ssh-ed25519-cert-v01@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com": 3,
}
"""How many strings the key under a certificate has."""


def verify_host_key(blob: bytes, spki: bytes | None, signature: bytes, exchange_hash: bytes) -> bool | None:
    """Whether the holder of a host key signed an exchange hash.

    Args:
        blob: the host key (K_S).
        spki: its canonical form.
        signature: the signature blob: algorithm, octets (RFC 4253 section 6.6, RFC 8332, RFC 5656).

    Returns:
        None where it cannot be checked: a key or signature of a kind that we have no arithmetic for.

    Raises:
        ProtocolError: the blob or signature is cut short.
    """
    reader = Reader(signature)
    name, octets = reader.string().decode("ascii", "backslashreplace"), reader.string()
    algorithm = _SIGNATURES.get(plain_ssh_algorithm(name))
    if algorithm is None or spki is None:
        return None
    key_type, digest, to_x509 = algorithm
    if plain_ssh_algorithm(Reader(blob).string().decode("ascii", "backslashreplace")) != key_type:
        return False
    signed = _security_key_message(blob, reader, exchange_hash) if name.startswith("sk-") else exchange_hash
    return verifies(spki, to_x509(octets, spki), signed, digest)


def _security_key_message(blob: bytes, signature: Reader, message: bytes) -> bytes:
    """What a security key signs instead of the message (OpenSSH's PROTOCOL.u2f): flags and counter follow its
    signature, its application follows its key."""
    key = Reader(_without_certificate(blob))
    name = key.string()
    if b"ecdsa" in name:
        key.string()  # curve
    key.string()
    application = hashlib.sha256(key.string()).digest()
    return application + signature.take(1 + 4) + hashlib.sha256(message).digest()


def _as_it_is(octets: bytes, _spki: bytes) -> bytes:
    return octets


def _rsa(octets: bytes, spki: bytes) -> bytes:
    """Some servers drop leading zeros; the signature is as long as the modulus (RFC 8017 section 8.2.2)."""
    return octets.rjust(((describe_key(spki).bits or 0) + 7) // 8, b"\0")


def _dss(octets: bytes, _spki: bytes) -> bytes:
    half = len(octets) // 2
    return encode_dss_signature(int.from_bytes(octets[:half], "big"), int.from_bytes(octets[half:], "big"))


def _ecdsa(octets: bytes, _spki: bytes) -> bytes:
    reader = Reader(octets)
    return encode_dss_signature(reader.mpint(), reader.mpint())


_SIGNATURES: dict[str, tuple[str, HashAlgorithm | None, Callable[[bytes, bytes], bytes]]] = {
    # signature algorithm: key type, hash, its octets as X.509 writes them
    "ssh-ed25519": ("ssh-ed25519", None, _as_it_is),
    "ssh-ed448": ("ssh-ed448", None, _as_it_is),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256", SHA256(), _ecdsa),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384", SHA384(), _ecdsa),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521", SHA512(), _ecdsa),
    "rsa-sha2-512": ("ssh-rsa", SHA512(), _rsa),
    "rsa-sha2-256": ("ssh-rsa", SHA256(), _rsa),
    "ssh-rsa": ("ssh-rsa", SHA1(), _rsa),
    "ssh-dss": ("ssh-dss", SHA1(), _dss),
}
