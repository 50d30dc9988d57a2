"""What a cipher suite is made of, worked out from its IANA name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES


@dataclass(frozen=True, slots=True)
class Suite:
    """The parts of a cipher suite that finishing a handshake needs."""

    name: str
    key_exchange: str
    """RSA, DHE, ECDHE, TLS13; anything else cannot be finished."""
    cipher: str
    """AES_GCM, AES_CCM, AES_CCM_8, CHACHA20_POLY1305, AES_CBC and other CBC; anything else cannot be finished."""
    key_bytes: int
    mac: str | None
    """Hash of the record MAC of a CBC suite; None for AEAD."""
    prf_hash: str
    """hashlib name of the PRF or HKDF hash (before TLS 1.2 the PRF is MD5 and SHA-1, whatever this says)."""


_KEY_EXCHANGES = {
    "RSA": "RSA",
    "DHE_RSA": "DHE",
    "DHE_DSS": "DHE",
    "ECDHE_RSA": "ECDHE",
    "ECDHE_ECDSA": "ECDHE",
}
_KEY_BYTES = {"CHACHA20_POLY1305": 32, "3DES_EDE_CBC": 24, "SEED_CBC": 16}
"""Of ciphers whose names do not say."""
_HASHES = {"MD5": "md5", "SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}


@cache
def suite_of(code: int) -> Suite | None:
    """The parts of a suite; None for a code that has no name."""
    name = CIPHER_SUITES.get(code)
    if name is None:
        return None
    head, _, tail = name.removeprefix("TLS_").partition("_WITH_")
    key_exchange = _KEY_EXCHANGES.get(head, head) if tail else "TLS13"
    words = (tail or head).split("_")
    hash_name = _HASHES.get(words[-1])
    if hash_name is not None:
        words = words[:-1]
    cipher, key_bytes = _cipher(words)
    aead = not cipher.endswith("CBC")
    prf_hash = hash_name if hash_name in ("sha256", "sha384") else "sha256"
    return Suite(name, key_exchange, cipher, key_bytes, None if aead else hash_name, prf_hash)


def _cipher(words: list[str]) -> tuple[str, int]:
    sizes = [int(word) for word in words if word in ("128", "256")]
    key_bytes = sizes[0] // 8 if sizes else 0
    cipher = "_".join(word for word in words if word not in ("128", "256"))
    return cipher, _KEY_BYTES.get(cipher, key_bytes)
