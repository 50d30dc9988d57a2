"""Keys in Censys' words, numbers as base64, made anew: as SSH writes a key, and as SubjectPublicKeyInfo.

An SSH host key made anew must have the fingerprint that Censys wrote down, or it is not believed. Of a certificate's
key Censys has the fingerprint of its bytes as sent, which may not be canonical; where they are, the two are equal.
"""

from __future__ import annotations

import hashlib
import struct

from mailcensus.dataset.imports.json_fields import Fields, fields, octets
from mailcensus.model import SshHostKey
from mailcensus.wire.errors import WireError
from mailcensus.wire.keys import spki_from_ssh_blob
from mailcensus.wire.ssh.host_keys import host_key_record

_CURVES = {"P-256": ("nistp256", 32), "P-384": ("nistp384", 48), "P-521": ("nistp521", 66)}
"""By Censys' name: SSH's name (RFC 5656 section 10.1) and octets of a coordinate."""
_MOST_OCTETS = 2_048
"""Of one number: 16,384 bits."""


def leaf_spki(key: Fields) -> bytes | None:
    """The canonical SubjectPublicKeyInfo of `leaf_data.public_key`; None where it has no numbers we know."""
    blob = _blob(fields(key.get("rsa")), fields(key.get("ecdsa")), {})
    return None if blob is None else _spki(blob)


def ssh_key(key: Fields) -> tuple[SshHostKey | None, bytes | None]:
    """The record of `server_host_key` and its SubjectPublicKeyInfo; both None where it cannot be made anew."""
    kinds = ("rsa_public_key", "ecdsa_public_key", "ed25519_public_key")
    blob = _blob(*(fields(key.get(kind)) for kind in kinds))
    if blob is None or hashlib.sha256(blob).hexdigest() != key.get("fingerprint_sha256"):
        return None, None
    spki = _spki(blob)
    try:
        return host_key_record(blob, spki), spki
    except WireError:
        return None, None


def _spki(blob: bytes) -> bytes | None:
    try:
        return spki_from_ssh_blob(blob)
    except WireError:
        return None


def _blob(rsa: Fields, ecdsa: Fields, ed25519: Fields) -> bytes | None:
    """A key as RFC 4253 section 6.6, RFC 5656 section 3.1 and RFC 8709 section 4 write it."""
    modulus, exponent = _number(rsa.get("modulus")), _number(rsa.get("exponent"))
    if modulus and exponent:
        return _string(b"ssh-rsa") + _mpint(exponent) + _mpint(modulus)
    curve, size = _CURVES.get(str(ecdsa.get("curve")), ("", 0))
    x, y = _number(ecdsa.get("x")), _number(ecdsa.get("y"))
    if x is not None and y is not None and max(x, y).bit_length() <= size * 8 and size:
        point = b"\x04" + x.to_bytes(size, "big") + y.to_bytes(size, "big")
        return _string(b"ecdsa-sha2-" + curve.encode()) + _string(curve.encode()) + _string(point)
    point = octets(ed25519.get("public_bytes")) or b""
    return _string(b"ssh-ed25519") + _string(point) if len(point) == 32 else None


def _string(octets: bytes) -> bytes:
    return struct.pack(">I", len(octets)) + octets


def _mpint(number: int) -> bytes:
    return _string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _number(value: object) -> int | None:
    told = octets(value)
    return None if told is None or len(told) > _MOST_OCTETS else int.from_bytes(told, "big")
