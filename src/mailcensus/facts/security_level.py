"""OpenSSL's security levels of keys and signatures, which its binding for Python cannot be told to check.

A level asks for so many bits of security: 80, 112, 128, 192 and 256 for levels 1 to 5. Level 2 is what OpenSSL has
asked for in TLS since 3.2, and Debian since 10. The numbers are those of SSL_CTX_set_security_level(3),
RSA_security_bits(3) and the sources beside them (crypto/rsa/rsa_lib.c, crypto/x509/x509_set.c).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mailcensus.model import ChainError, Key
from mailcensus.wire.certificates import Links
from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.keys import describe_key

WANTED = 2
"""Below this level a chain is weak."""

EE_KEY_TOO_SMALL, CA_KEY_TOO_SMALL, CA_MD_TOO_WEAK = 66, 67, 68
_NAMES = {
    EE_KEY_TOO_SMALL: "EE certificate key too weak",
    CA_KEY_TOO_SMALL: "CA certificate key too weak",
    CA_MD_TOO_WEAK: "CA signature digest algorithm too weak",
}
_LEVEL_BITS = (80, 112, 128, 192, 256)
_HASH_BITS = {"md5": 39, "sha1": 63}
"""Known attacks make these weaker than half their length."""
_EXACT = {"ed25519": 128, "ed448": 224, "ml-dsa-44": 128, "ml-dsa-65": 192, "ml-dsa-87": 256}
_NAMED_SIGNATURES = {"ED25519": 128, "ED448": 224, "ML-DSA-44": 128, "ML-DSA-65": 192, "ML-DSA-87": 256}
_OF_MODULUS = ((15_360, 256), (7_680, 192), (3_072, 128), (2_048, 112), (1_024, 80))
_OF_CURVE = ((512, 256), (384, 192), (256, 128), (224, 112), (160, 80))


def security_level(path: Sequence[Links], anchored: bool) -> int | None:
    """The highest level that every key and signature of a path passes; None where one of them is unknown.

    Args:
        path: leaf first.
        anchored: its last certificate is a trust anchor, whose own signature nobody checks.
    """
    keys = [key_bits_of_security(describe_key(links.spki)) for links in path]
    signed = path[:-1] if anchored else path
    found = [*keys, *map(signature_bits_of_security, signed)]
    known = [bits for bits in found if bits is not None]
    return None if len(known) < len(found) or not known else level_of(min(known))


def weaknesses(path: Sequence[Links], anchored: bool) -> list[ChainError]:
    """What falls below the wanted level, in OpenSSL's words; what is unknown is not called weak."""
    errors = []
    for depth, links in enumerate(path):
        if _is_weak(key_bits_of_security(describe_key(links.spki))):
            errors.append(_error(EE_KEY_TOO_SMALL if depth == 0 else CA_KEY_TOO_SMALL, depth))
        if not (anchored and depth == len(path) - 1) and _is_weak(signature_bits_of_security(links)):
            errors.append(_error(CA_MD_TOO_WEAK, depth))
    return errors


def level_of(bits: int) -> int:
    """The highest level that so many bits of security pass."""
    return sum(bits >= wanted for wanted in _LEVEL_BITS)


def key_bits_of_security(key: Key) -> int | None:
    """Bits of security of a key; None where its kind or size is unknown."""
    if key.algorithm in _EXACT:
        return _EXACT[key.algorithm]
    if key.bits is None:
        return None
    if key.algorithm == "rsa":
        return _of_modulus(key.bits)
    if key.algorithm == "dsa":
        return next((bits for size, bits in _OF_MODULUS if key.bits >= size), 0)
    if key.algorithm == "ecdsa":
        return next((bits for size, bits in _OF_CURVE if key.bits >= size), key.bits // 2)
    return None


def signature_bits_of_security(links: Links) -> int | None:
    """Bits of security of a certificate's signature; None where its algorithm is unknown."""
    name = links.signature.hash_name()
    if name is None:
        return _of_named(links)
    return _HASH_BITS.get(name) or int(name.rpartition("-")[2].removeprefix("sha")) // 2


def _of_named(links: Links) -> int | None:
    try:
        return _NAMED_SIGNATURES.get(links.signature.name())
    except ProtocolError:
        return None


def _of_modulus(bits: int) -> int:
    """NIST SP 800-56B rev. 2 appendix D, rounded as OpenSSL does."""
    if bits < 8:
        return 0
    exact = dict(_OF_MODULUS)
    if bits in exact and bits != 1_024:
        return exact[bits]
    x = bits * math.log(2)
    strength = int((1.923 * math.cbrt(x * math.log(x) ** 2) - 4.69) / math.log(2))
    return min((strength + 4) & ~7, 192 if bits <= 7_680 else 256 if bits <= 15_360 else 1_200)


def _is_weak(bits: int | None) -> bool:
    return bits is not None and level_of(bits) < WANTED


def _error(code: int, depth: int) -> ChainError:
    return ChainError(code=code, name=_NAMES[code], depth=depth)
