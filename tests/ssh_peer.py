"""An SSH server in memory, up to its signed host key: for odd paths that no real server goes.

It shares no code with what it tests but the writers of SSH data types.
"""

from __future__ import annotations

import hashlib
import warnings
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from mailcensus.wire.ssh.kexinit import KexInit, write_kexinit
from mailcensus.wire.ssh.packet import PacketReader, Reader, write_mpint, write_packet, write_string

HostKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey

IDENTIFICATION = b"SSH-2.0-peer_1.0 in memory"
SHA2 = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


def kexinit(**changes: object) -> KexInit:
    """A server's KEXINIT with some lists changed."""
    lists: dict[str, object] = {
        "kex": ("curve25519-sha256",),
        "host_key": ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256", "ssh-rsa", "ssh-dss"),
        "ciphers_client_to_server": ("aes128-ctr",),
        "ciphers_server_to_client": ("aes256-ctr",),
        "macs_client_to_server": ("hmac-sha1",),
        "macs_server_to_client": ("hmac-sha2-256",),
        "compression_client_to_server": ("none",),
        "compression_server_to_client": ("none", "zlib"),
    }
    return KexInit(**(lists | changes))  # type: ignore[arg-type]


def blob_of(key: HostKey) -> bytes:
    """The public key blob."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DSA
        line = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
    return b64decode(line.split()[1])


def spki_of(key: HostKey) -> bytes:
    """The SubjectPublicKeyInfo DER."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(key: HostKey, message: bytes, algorithm: str) -> bytes:
    """A signature blob."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        octets = key.sign(message)
    elif isinstance(key, rsa.RSAPrivateKey):
        digest = {"ssh-rsa": hashes.SHA1(), "rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}
        octets = key.sign(message, padding.PKCS1v15(), digest[algorithm])
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA2[key.curve.key_size])))
        octets = write_mpint(r) + write_mpint(s)
    else:
        r, s = decode_dss_signature(key.sign(message, hashes.SHA1()))
        octets = r.to_bytes(20, "big") + s.to_bytes(20, "big")
    return write_string(algorithm.encode()) + write_string(octets)


def same(payload: bytes) -> bytes:
    """A message as it is."""
    return payload


@dataclass
class Peer:
    """One curve25519-sha256 server."""

    key: HostKey
    signature_algorithm: str = "ssh-ed25519"
    before: bytes = b""
    """Lines before the identification."""
    identification: bytes = IDENTIFICATION
    algorithms: KexInit = field(default_factory=kexinit)
    before_kexinit: tuple[bytes, ...] = ()
    """Messages before KEXINIT and, again, before the reply."""
    guess: tuple[bytes, ...] = ()
    alter: Callable[[bytes], bytes] = same
    """What is done to the reply's payload."""
    heard: bytes = b""
    """Everything the client has sent."""

    def greet(self) -> bytes:
        """What the server says on connecting."""
        self._kexinit = write_kexinit(self.algorithms)
        messages = (*self.before_kexinit, self._kexinit, *self.guess)
        return self.before + self.identification + b"\r\n" + b"".join(map(write_packet, messages))

    def hear(self, data: bytes) -> bytes:
        """Take what the client sent; answer its half of the key exchange."""
        had = len(self._messages())
        self.heard += data
        messages = self._messages()
        if had < 2 <= len(messages) and messages[1][0] == 30:
            return b"".join(map(write_packet, (*self.before_kexinit, self.alter(self._reply(*messages[:2])))))
        return b""

    def _messages(self) -> list[bytes]:
        _line, _newline, packets = self.heard.partition(b"\n")
        reader = PacketReader(1 << 20)
        reader.feed(packets)
        return list(iter(reader.next, None))

    @property
    def last(self) -> bytes:
        """The client's last message."""
        return self._messages()[-1]

    def _reply(self, client_kexinit: bytes, client_half: bytes) -> bytes:
        theirs = Reader(client_half[1:]).string()
        private = x25519.X25519PrivateKey.generate()
        ours = private.public_key().public_bytes_raw()
        secret = private.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        line = self.heard.partition(b"\r\n")[0]
        blob = blob_of(self.key)
        hashed = b"".join(
            map(
                write_string,
                (line, self.identification, client_kexinit, self._kexinit, blob, theirs, ours),
            )
        ) + write_mpint(int.from_bytes(secret, "big"))
        signature = sign(self.key, hashlib.sha256(hashed).digest(), self.signature_algorithm)
        return b"\x1f" + write_string(blob) + write_string(ours) + write_string(signature)
