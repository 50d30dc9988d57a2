"""Whether a signature verifies, for certificates and SSH host keys alike. The mathematics is `cryptography`'s."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailcensus.wire.remembered import remembered

_LARGEST_MODULUS_BITS = 16_384
_ANY_EXPONENT_BITS = 3_072
_LARGEST_EXPONENT_BITS = 64


def verifies(
    spki: bytes, signature: bytes, signed: bytes, digest: HashAlgorithm | None, pss: padding.PSS | None = None
) -> bool | None:
    """Whether `signature` over `signed` is of the key `spki`.

    Args:
        spki: the key, canonical.
        signature: as X.509 writes it (ECDSA and DSA: DER of r and s).
        digest: the hash signed; None for algorithms that have their own (Ed25519, Ed448).
        pss: RSA-PSS parameters; None is PKCS #1 v1.5.

    Returns:
        None where it cannot be checked: a key, curve or size that `cryptography` does not know, or a key of
        another kind than the signature algorithm's.
    """
    try:
        _verify(spki, signature, signed, digest, pss)
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, ValueError, TypeError, OverflowError):
        return None
    return True


@remembered
def _load(spki: bytes) -> PublicKeyTypes:
    """Loading a key costs as much as verifying with it."""
    return load_der_public_key(spki)


def _verify(
    spki: bytes, signature: bytes, signed: bytes, digest: HashAlgorithm | None, pss: padding.PSS | None
) -> None:
    key = _load(spki)
    if digest is None:
        if not isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            raise UnsupportedAlgorithm("a signature without a hash")
        key.verify(signature, signed)
    elif isinstance(key, rsa.RSAPublicKey):
        if _openssl_refuses(key):
            raise UnsupportedAlgorithm("an RSA key that OpenSSL does not compute with")
        key.verify(signature, signed, pss or padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(digest))
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, signed, digest)
    else:
        raise UnsupportedAlgorithm("a key that does not sign")


def _openssl_refuses(key: rsa.RSAPublicKey) -> bool:
    """OpenSSL's own caps against costly keys (openssl/rsa.h); it reports them as a wrong signature."""
    if key.key_size <= _ANY_EXPONENT_BITS:
        return False
    return (
        key.key_size > _LARGEST_MODULUS_BITS or key.public_numbers().e.bit_length() > _LARGEST_EXPONENT_BITS
    )
