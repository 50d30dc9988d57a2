"""Finite-field groups as OpenSSL reads them."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import dh
from cryptography.hazmat.primitives.serialization import Encoding, ParameterFormat


def dh_pem(prime: int) -> str:
    """DH parameters with generator 2, as OpenSSL reads them."""
    parameters = dh.DHParameterNumbers(prime, 2).parameters()
    return parameters.parameter_bytes(Encoding.PEM, ParameterFormat.PKCS3).decode()
