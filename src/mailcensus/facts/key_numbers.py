"""The numbers in a canonical key, that checks of keys look at."""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.wire import der
from mailcensus.wire.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class RsaNumbers:
    """RFC 8017 section 3.1."""

    modulus: int
    exponent: int


@dataclass(frozen=True, slots=True)
class DsaNumbers:
    """FIPS 186-4 section 4.1. The prime is null where a certificate leaves it to its issuer (RFC 3279)."""

    prime: int | None
    y: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The x coordinate of an uncompressed point (SEC 1 section 2.3.3)."""

    x: int


@dataclass(frozen=True, slots=True)
class OctetKey:
    """A key that is octets (RFC 8410, and the post-quantum ones)."""

    octets: bytes


KeyNumbers = RsaNumbers | DsaNumbers | CurvePoint | OctetKey


def numbers_of(spki_der: bytes, algorithm: str) -> KeyNumbers | None:
    """What a canonical SubjectPublicKeyInfo holds.

    Args:
        algorithm: as `keys.algorithm` has it.
    Returns:
        None for kinds that no check knows, and for what cannot be read. Never raises.
    """
    try:
        head, key = der.children(spki_der, der.whole(spki_der, der.SEQUENCE))
        _oid, *parameters = der.children(spki_der, head)
        octets = der.bit_string(spki_der, key)
        match algorithm:
            case "rsa":
                modulus, exponent = _integers(octets)
                return RsaNumbers(modulus, exponent)
            case "dsa":
                numbers = _integers(spki_der[parameters[0].at : parameters[0].stop]) if parameters else [None]
                return DsaNumbers(numbers[0], der.magnitude(octets, der.whole(octets, der.INTEGER)))
            case "ecdsa":
                half = len(octets) // 2
                return CurvePoint(int.from_bytes(octets[1 : 1 + half])) if octets[:1] == b"\x04" else None
        return OctetKey(octets) if octets and not parameters else None
    except (ProtocolError, ValueError):
        return None


def _integers(data: bytes) -> list[int]:
    return [der.magnitude(data, element) for element in der.children(data, der.whole(data, der.SEQUENCE))]
