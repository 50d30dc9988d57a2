"""Named elliptic curves: object identifier, name, field size, and how to know one by its explicit parameters.

Old software writes a curve's whole equation into a key where its name belongs (ECParameters, X9.62). Such a key
is the same key, so a curve is known again by a digest over its field, coefficients, base point and order. All of
them count: with another base point it would be another key (the trick of CVE-2020-0601).

Names and identifiers: SEC 2 version 2, RFC 5480, RFC 5639, X9.62, GM/T 0006. The digests come from OpenSSL's
explicit form of each curve; a test makes them again from the installed OpenSSL.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mailcensus.wire import der


@dataclass(frozen=True, slots=True)
class Curve:
    """A named curve; `field_bits` is the size of a coordinate, `digest` names its explicit parameters."""

    oid: bytes
    """Content octets of the object identifier."""
    name: str
    field_bits: int
    digest: str


def explicit_digest(field_id: bytes, a: bytes, b: bytes, base_x: bytes, order: int) -> str:
    """What names a curve given in full: SHA-256 hex, first 32 digits.

    Args:
        field_id: DER of the FieldID, as it stands (prime, or the polynomial of a binary field).
        a, b: the coefficients' octets; leading zeros do not count, since encoders disagree on them.
        base_x: x coordinate of the base point.
        order: order of the base point.
    """
    parts = (der.write(der.OCTET_STRING, part.lstrip(b"\0")) for part in (a, b, base_x))
    return hashlib.sha256(field_id + b"".join(parts) + der.write_integer(order)).hexdigest()[:32]


CURVES = (
    # object identifier, name, field bits, digest of the explicit parameters
    Curve(bytes.fromhex("2b81040006"), "secp112r1", 112, "002a10f5f767b8751001d434712eee4d"),
    Curve(bytes.fromhex("2b81040007"), "secp112r2", 112, "ac992f0d62d0a3c061f6e74d799a988f"),
    Curve(bytes.fromhex("2b8104001c"), "secp128r1", 128, "e2883d586cabf5c4348ef71f787174a8"),
    Curve(bytes.fromhex("2b8104001d"), "secp128r2", 128, "bd4f1c82fb6ef1716cb9090bfae9380c"),
    Curve(bytes.fromhex("2b81040009"), "secp160k1", 160, "1ca6eabc5849011e53d8c16fd464b652"),
    Curve(bytes.fromhex("2b81040008"), "secp160r1", 160, "6adace407a078f475cf4c3f5080ae636"),
    Curve(bytes.fromhex("2b8104001e"), "secp160r2", 160, "27aef0ce55abe594fed9b7ce87145039"),
    Curve(bytes.fromhex("2b8104001f"), "secp192k1", 192, "7caa50b2f614bf068ea268e420875107"),
    Curve(bytes.fromhex("2a8648ce3d030101"), "secp192r1", 192, "d5a108d9c6348ad52ada8c5eec7f9064"),
    Curve(bytes.fromhex("2a8648ce3d030102"), "prime192v2", 192, "418ea329db923898572a86b81cd13173"),
    Curve(bytes.fromhex("2a8648ce3d030103"), "prime192v3", 192, "9a4f49b5ba519bcbab7ddf0ee71d5829"),
    Curve(bytes.fromhex("2b81040020"), "secp224k1", 224, "5023636f7374f17be97f5ac451f68189"),
    Curve(bytes.fromhex("2b81040021"), "secp224r1", 224, "185ccd37307731a628530749e527bcf8"),
    Curve(bytes.fromhex("2a8648ce3d030104"), "prime239v1", 239, "33cf2dcf90d6f60a4b3da3b0673b6197"),
    Curve(bytes.fromhex("2a8648ce3d030105"), "prime239v2", 239, "ab2cef3d6d49ebfb6982b749a4e9963b"),
    Curve(bytes.fromhex("2a8648ce3d030106"), "prime239v3", 239, "820903a2b11cd6f68354d4e9dd764649"),
    Curve(bytes.fromhex("2b8104000a"), "secp256k1", 256, "40bbcf499287f8140bd6e05c4d38748d"),
    Curve(bytes.fromhex("2a8648ce3d030107"), "secp256r1", 256, "70a29125bf90b5f90a6339abdcda41cb"),
    Curve(bytes.fromhex("2b81040022"), "secp384r1", 384, "4b444ee51b602f13456fedfc423c1ff8"),
    Curve(bytes.fromhex("2b81040023"), "secp521r1", 521, "99fe8ea1f914b3c96583342715405685"),
    Curve(bytes.fromhex("2b81040004"), "sect113r1", 113, "962cc06b429972242b34dd9d438f366d"),
    Curve(bytes.fromhex("2b81040005"), "sect113r2", 113, "458b4b88ae6ffb59ed8c3e77cf9d4b96"),
    Curve(bytes.fromhex("2b81040016"), "sect131r1", 131, "cda54f33dea1d3a05d118eae7c022782"),
    Curve(bytes.fromhex("2b81040017"), "sect131r2", 131, "e38eeb8a431a6b5332a644d9504ad1e0"),
    Curve(bytes.fromhex("2b81040001"), "sect163k1", 163, "270441a63e8a390ae039af3960150967"),
    Curve(bytes.fromhex("2b81040002"), "sect163r1", 163, "59000feac51e99882f1548677c22593e"),
    Curve(bytes.fromhex("2b8104000f"), "sect163r2", 163, "9880139c347b9768d7bdcb2e488b6ff8"),
    Curve(bytes.fromhex("2b81040018"), "sect193r1", 193, "ea43ea5e6f7f1e10488fde8de4d29481"),
    Curve(bytes.fromhex("2b81040019"), "sect193r2", 193, "a5c28efcd617419776034ca9cfbb3b88"),
    Curve(bytes.fromhex("2b8104001a"), "sect233k1", 233, "f8c438b39856e5dc359f54ce3f643058"),
    Curve(bytes.fromhex("2b8104001b"), "sect233r1", 233, "cd7b15ce483a2bdc87ff157ac6239496"),
    Curve(bytes.fromhex("2b81040003"), "sect239k1", 239, "7253a1dcdea7b86030060ec5806f1aa8"),
    Curve(bytes.fromhex("2b81040010"), "sect283k1", 283, "851e6d1e6a9bdcb7676f02871af2e4be"),
    Curve(bytes.fromhex("2b81040011"), "sect283r1", 283, "8585cab84efd0a8d958857e0cb52e76c"),
    Curve(bytes.fromhex("2b81040024"), "sect409k1", 409, "09c74bf23776519d3145c43db7a9d291"),
    Curve(bytes.fromhex("2b81040025"), "sect409r1", 409, "b38bd6d9b4b40d51fce574a5fc3fe98f"),
    Curve(bytes.fromhex("2b81040026"), "sect571k1", 571, "9f0ec37ca6c9da0348f676d9513786e2"),
    Curve(bytes.fromhex("2b81040027"), "sect571r1", 571, "f52da92d3d153175f075d0dfe8553e40"),
    Curve(bytes.fromhex("2b2403030208010101"), "brainpoolP160r1", 160, "8fe7c63cdc150bd7adc0af618d86411b"),
    Curve(bytes.fromhex("2b2403030208010102"), "brainpoolP160t1", 160, "c759e6f65fbaa5ecc3f129a1fbbc4d6b"),
    Curve(bytes.fromhex("2b2403030208010103"), "brainpoolP192r1", 192, "4767f17724ebf79f11757979d5c011be"),
    Curve(bytes.fromhex("2b2403030208010104"), "brainpoolP192t1", 192, "ccb8f58212acf9a339220bfe7bfa38f4"),
    Curve(bytes.fromhex("2b2403030208010105"), "brainpoolP224r1", 224, "8572f03e6926f1616fbdb0056c235186"),
    Curve(bytes.fromhex("2b2403030208010106"), "brainpoolP224t1", 224, "213fa5cfcdd00bca4dc5fc3f4f27b4e4"),
    Curve(bytes.fromhex("2b2403030208010107"), "brainpoolP256r1", 256, "e9ece4a5e744d8435f9abb38a4920260"),
    Curve(bytes.fromhex("2b2403030208010108"), "brainpoolP256t1", 256, "411f86a08fe176da516bff2341620b9b"),
    Curve(bytes.fromhex("2b2403030208010109"), "brainpoolP320r1", 320, "90b2e7eb264186e7eb608a4a5133bd00"),
    Curve(bytes.fromhex("2b240303020801010a"), "brainpoolP320t1", 320, "ed1b168ca4a20f41bf302547037fd1ad"),
    Curve(bytes.fromhex("2b240303020801010b"), "brainpoolP384r1", 384, "9d42c850331ebfb635897a1ee71bac85"),
    Curve(bytes.fromhex("2b240303020801010c"), "brainpoolP384t1", 384, "ab36a543e2bfccdae175519c5a9a38c0"),
    Curve(bytes.fromhex("2b240303020801010d"), "brainpoolP512r1", 512, "ebd86aae18517dee806fd04eef263974"),
    Curve(bytes.fromhex("2b240303020801010e"), "brainpoolP512t1", 512, "2587c94e7c80739884a62077f341c3f9"),
    Curve(bytes.fromhex("2a811ccf5501822d"), "sm2p256v1", 256, "fac5d0e49537a39199c4003755623e79"),
)

BY_OID = {curve.oid: curve for curve in CURVES}
BY_DIGEST = {curve.digest: curve for curve in CURVES}
