"""Finite-field groups of RFC 7919, from the formula of its appendix A."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import dh
from cryptography.hazmat.primitives.serialization import Encoding, ParameterFormat


def ffdhe2048() -> int:
    """p = 2^2048 - 2^1984 + {[2^1918 * e] + 560316} * 2^64 - 1 (appendix A.1)."""
    return 2**2048 - 2**1984 + (_floor_of_e(1918) + 560316) * 2**64 - 1


def dh_pem(prime: int) -> str:
    """DH parameters with generator 2, as OpenSSL reads them."""
    parameters = dh.DHParameterNumbers(prime, 2).parameters()
    return parameters.parameter_bytes(Encoding.PEM, ParameterFormat.PKCS3).decode()


def _floor_of_e(bits: int) -> int:
    """floor(e * 2^bits), by its series with 64 bits to spare."""
    term = total = 1 << (bits + 64)
    n = 1
    while term:
        term //= n
        total += term
        n += 1
    return total >> 64
