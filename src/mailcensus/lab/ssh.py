"""SSH, the server's side up to the host key: identification, KEXINIT, curve25519-sha256, NEWKEYS.

RFC 4253 (transport), RFC 8731 (curve25519-sha256), RFC 5656 (ECDSA), RFC 8332 (rsa-sha2), RFC 8709 (Ed25519).
Nothing is ever encrypted: after NEWKEYS the connection is closed.
"""

from __future__ import annotations

import base64
import hashlib
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailcensus.lab.ledger import Visit
from mailcensus.lab.material import PrivateKey
from mailcensus.lab.plan import ServicePlan
from mailcensus.lab.responder import SILENCE, Answer, Responder, Then

_DISCONNECT, _KEXINIT, _NEWKEYS, _ECDH_INIT, _ECDH_REPLY = 1, 20, 21, 30, 31
_KEX_FAILED = 3
"""SSH_DISCONNECT_KEY_EXCHANGE_FAILED, RFC 4253 section 11.1."""
_PACKET_BYTES = 35_000
"""RFC 4253 section 6.1."""

KEX_ALGORITHMS = ("curve25519-sha256", "curve25519-sha256@libssh.org")
CIPHERS = ("chacha20-poly1305@openssh.com", "aes128-ctr", "aes256-gcm@openssh.com")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha1")
COMPRESSION = ("none", "zlib@openssh.com")


class SshResponder(Responder):
    """One SSH connection."""

    def __init__(self, service: ServicePlan, visit: Visit, host_key: PrivateKey) -> None:
        super().__init__(service, visit)
        self._host_key = host_key
        self._buffer = b""
        self._client_identification = b""
        self._client_kexinit = b""
        self._kexinit = _kexinit(host_key)
        self._skip_guess = False

    def greet(self) -> Answer:
        """Identification and KEXINIT."""
        return Answer(f"{self.service.greeting}\r\n".encode() + _packet(self._kexinit))

    def receive(self, data: bytes) -> Answer:
        """Answer every packet that is complete."""
        self._buffer += data
        if not self._client_identification and not self._take_identification():
            return SILENCE if len(self._buffer) < 255 else Answer(then=Then.CLOSE)
        said = b""
        while (payload := self._take_packet()) is not None:
            answer = self._answer(payload)
            said += answer.data
            if answer.then is not Then.GO_ON:
                return Answer(said, answer.then)
        return Answer(said)

    def _take_identification(self) -> bool:
        line, end, rest = self._buffer.partition(b"\n")
        if not end:
            return False
        self._client_identification, self._buffer = line.rstrip(b"\r"), rest
        self.visit.hear(self._client_identification)
        return True

    def _take_packet(self) -> bytes | None:
        """The next packet's payload (RFC 4253 section 6); None: not all there. Empty: not a packet."""
        if len(self._buffer) < 5:
            return None
        length, pad = int.from_bytes(self._buffer[:4], "big"), self._buffer[4]
        if length > _PACKET_BYTES or pad + 1 >= length:
            return b""
        if len(self._buffer) < 4 + length:
            return None
        payload, self._buffer = self._buffer[5 : 4 + length - pad], self._buffer[4 + length :]
        return payload

    def _answer(self, payload: bytes) -> Answer:
        number = payload[0] if payload else None
        self.visit.hear(b"message %d" % number if number is not None else b"no packet")
        if number == _KEXINIT:
            return self._negotiate(payload)
        if number == _ECDH_INIT:
            return self._reply(payload)
        if number == _DISCONNECT:
            self.visit.farewell = True
        if number in (_DISCONNECT, _NEWKEYS, None):
            return Answer(then=Then.CLOSE)
        return SILENCE

    def _negotiate(self, payload: bytes) -> Answer:
        self._client_kexinit = payload
        kex, host_keys = _name_list(payload, 0), _name_list(payload, 1)
        mine = _host_key_algorithms(self._host_key)
        if not set(kex) & set(KEX_ALGORITHMS) or not set(host_keys) & set(mine):
            text = _string(b"no matching key exchange or host key") + _string(b"")
            reason = bytes([_DISCONNECT]) + _KEX_FAILED.to_bytes(4, "big") + text
            return Answer(_packet(reason), Then.CLOSE)
        self._algorithm = next(name for name in host_keys if name in mine)
        guessed = payload[-5] != 0
        self._skip_guess = guessed and (kex[0], host_keys[0]) != (KEX_ALGORITHMS[0], mine[0])
        return SILENCE

    def _reply(self, payload: bytes) -> Answer:
        """SSH_MSG_KEX_ECDH_REPLY and NEWKEYS (RFC 5656 section 4, RFC 8731 section 3)."""
        if self._skip_guess:
            self._skip_guess = False
            return SILENCE
        theirs = payload[5:]
        if not self._client_kexinit or len(theirs) != 32:
            return Answer(then=Then.CLOSE)
        mine = x25519.X25519PrivateKey.generate()
        try:
            secret = mine.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        except ValueError:  # a point of small order: the secret would be zero
            return Answer(then=Then.CLOSE)
        public = mine.public_key().public_bytes_raw()
        blob = key_blob(self._host_key)
        parts = (
            self._client_identification,
            self.service.greeting.encode(),
            self._client_kexinit,
            self._kexinit,
            blob,
            theirs,
            public,
        )
        exchange_hash = hashlib.sha256(b"".join(map(_string, parts)) + _mpint(secret)).digest()
        signature = _sign(self._host_key, self._algorithm, exchange_hash)
        reply = bytes([_ECDH_REPLY]) + _string(blob) + _string(public) + _string(signature)
        return Answer(_packet(reply) + _packet(bytes([_NEWKEYS])))


def key_blob(key: PrivateKey) -> bytes:
    """The host key as SSH sends it (RFC 4253 section 6.6)."""
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def _host_key_algorithms(key: PrivateKey) -> tuple[str, ...]:
    if isinstance(key, rsa.RSAPrivateKey):
        return ("rsa-sha2-512", "rsa-sha2-256")
    return ("ecdsa-sha2-nistp256",) if isinstance(key, ec.EllipticCurvePrivateKey) else ("ssh-ed25519",)


def _kexinit(key: PrivateKey) -> bytes:
    lists = (
        KEX_ALGORITHMS,
        _host_key_algorithms(key),
        CIPHERS,
        CIPHERS,
        MACS,
        MACS,
        COMPRESSION,
        COMPRESSION,
    )
    names = b"".join(_string(",".join(names).encode()) for names in (*lists, (), ()))
    return bytes([_KEXINIT]) + os.urandom(16) + names + bytes(5)


def _name_list(kexinit: bytes, number: int) -> list[str]:
    """Name-list `number` of a KEXINIT payload; empty where it is cut short."""
    at = 17
    for _ in range(number):
        at += 4 + int.from_bytes(kexinit[at : at + 4], "big")
    length = int.from_bytes(kexinit[at : at + 4], "big")
    return kexinit[at + 4 : at + 4 + length].decode("ascii", "replace").split(",")


def _sign(key: PrivateKey, algorithm: str, data: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        blob = key.sign(data)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        blob = _mpint(r.to_bytes(32, "big")) + _mpint(s.to_bytes(32, "big"))
    else:
        sha2 = hashes.SHA512() if algorithm == "rsa-sha2-512" else hashes.SHA256()
        blob = key.sign(data, padding.PKCS1v15(), sha2)
    return _string(algorithm.encode()) + _string(blob)


def _packet(payload: bytes) -> bytes:
    """An unencrypted packet: padding of 4 to 11 bytes makes it a multiple of 8 (RFC 4253 section 6)."""
    pad = 8 - (5 + len(payload)) % 8
    pad += 8 if pad < 4 else 0
    return (1 + len(payload) + pad).to_bytes(4, "big") + bytes([pad]) + payload + bytes(pad)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _mpint(number: bytes) -> bytes:
    """A positive big-endian number as mpint (RFC 4251 section 5)."""
    number = number.lstrip(b"\0")
    return _string(b"\0" + number if number and number[0] & 0x80 else number)
