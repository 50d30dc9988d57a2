"""Primes for Diffie-Hellman that everybody knows, worked out from the formulas their RFCs give.

A prime that many servers share is worth an attacker's precomputation (Adrian et al., "Imperfect Forward Secrecy",
2015), and a prime that nobody knows may be no good: both are findings, so a prime's name is recorded.
"""

from __future__ import annotations

import hashlib
from functools import cache

_MODP_OFFSETS = {
    # RFC 2409 section 6, RFC 3526: bits and the number that makes it a prime
    768: 149_686, 1024: 129_093, 1536: 741_804, 2048: 124_476,
    3072: 1_690_314, 4096: 240_904, 6144: 929_484, 8192: 4_743_158,
}  # fmt: skip
_FFDHE_OFFSETS = {
    # RFC 7919 appendix A
    2048: 560_316, 3072: 2_625_351, 4096: 5_736_041, 6144: 15_705_020, 8192: 10_965_728,
}  # fmt: skip
_RFC_5114 = {
    # RFC 5114 section 2 gives no formula; SHA-256 of each prime, big-endian
    "44c55cfee5c075927cf682da5b681bdecbd5c3eb0784c14f5dce7610f0ef133d": "rfc5114-1024-160",
    "bfe545862ca102ad1eeddb5fbfa5bf855ac4995c56a8b408ce3fe099dce93a9d": "rfc5114-2048-224",
    "0b7835722cb619827610c2549fdda5587421686c4409a13865e76225522ddcc9": "rfc5114-2048-256",
}


@cache
def modp_prime(bits: int) -> int:
    """The prime 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + offset) of RFC 2409 and RFC 3526.

    Raises:
        KeyError: they have none of that size.
    """
    return _around(bits, _pi(bits - 130) + _MODP_OFFSETS[bits])


@cache
def ffdhe_prime(bits: int) -> int:
    """The prime 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * e) + offset) of RFC 7919 appendix A.

    Raises:
        KeyError: it has none of that size.
    """
    return _around(bits, _e(bits - 130) + _FFDHE_OFFSETS[bits])


def name_of_prime(prime: bytes) -> str | None:
    """The name of a prime that everybody knows; None: it is somebody's own.

    Args:
        prime: big-endian, without leading zeros.
    Returns:
        modp768 ... modp8192 (RFC 2409, RFC 3526), ffdhe2048 ... ffdhe8192 (RFC 7919), rfc5114-...
    """
    return _names().get(hashlib.sha256(prime).hexdigest())


@cache
def _names() -> dict[str, str]:
    primes = {f"modp{bits}": modp_prime(bits) for bits in _MODP_OFFSETS}
    primes |= {f"ffdhe{bits}": ffdhe_prime(bits) for bits in _FFDHE_OFFSETS}
    digests = {
        hashlib.sha256(prime.to_bytes(prime.bit_length() // 8, "big")).hexdigest(): name
        for name, prime in primes.items()
    }
    return digests | _RFC_5114


def _around(bits: int, middle: int) -> int:
    """A prime with 64 ones at both ends."""
    return (1 << bits) - (1 << (bits - 64)) - 1 + (middle << 64)


def _pi(bits: int) -> int:
    """floor(2^bits * pi), by Machin's formula with 32 bits to spare."""
    one = 1 << (bits + 32)
    return 4 * (4 * _arccot(5, one) - _arccot(239, one)) >> 32


def _arccot(x: int, one: int) -> int:
    term = one // x
    total, divisor, sign = term, 3, -1
    while term:
        term //= x * x
        total += sign * (term // divisor)
        divisor, sign = divisor + 2, -sign
    return total


def _e(bits: int) -> int:
    """floor(2^bits * e), by the series of e with 64 bits to spare."""
    term = total = 1 << (bits + 64)
    divisor = 1
    while term:
        term //= divisor
        total += term
        divisor += 1
    return total >> 64
