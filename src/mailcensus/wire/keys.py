"""One canonical form for every public key, so that a key is the same key whatever protocol showed it.

The form is DER of SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7):

    RSA, RSA-PSS, RSA-OAEP     rsaEncryption, NULL, minimal (n, e)                    RFC 8017, RFC 3279
    elliptic curve             id-ecPublicKey, named curve, uncompressed point        RFC 5480
    DSA                        id-dsa, minimal (p, q, g), minimal y                   RFC 3279
    Ed25519, Ed448, X25519...  the algorithm without parameters                       RFC 8410
    ML-DSA, SLH-DSA, ML-KEM    the algorithm without parameters                       RFC 9881, 9909, 9935
    anything else              as it was sent

Restrictions that say how a key may be used (RSA-PSS hashes, id-ecDH) are dropped: they do not make another key.
The commonest keys are known to be canonical by their shape (0.3 us); the others are read by a small DER walk and
written anew, with no cryptographic object (5-15 us). Only a compressed point needs `cryptography` (about 50 us).
What cannot be read is left as it is: nothing here raises on what a peer sent, whatever it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import product

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ObjectIdentifier

from mailcensus.model import Key
from mailcensus.wire import der
from mailcensus.wire.curves import BY_DIGEST, BY_OID, explicit_digest
from mailcensus.wire.der import Element
from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.ssh.packet import Reader

_RSA = bytes.fromhex("2a864886f70d010101")
_RSA_OAEP = bytes.fromhex("2a864886f70d010107")
_RSA_PSS = bytes.fromhex("2a864886f70d01010a")
_RSA_X509 = bytes.fromhex("55080101")
"""id-ea-rsa of X.509 (1988), still seen in old certificates."""
_EC = bytes.fromhex("2a8648ce3d0201")
_EC_DH = bytes.fromhex("2b8104010c")
_EC_MQV = bytes.fromhex("2b8104010d")
_DSA = bytes.fromhex("2a8648ce380401")
_DSA_OIW = bytes.fromhex("2b0e03020c")
_X25519 = bytes.fromhex("2b656e")
_X448 = bytes.fromhex("2b656f")
_ED25519 = bytes.fromhex("2b6570")
_ED448 = bytes.fromhex("2b6571")

_NIST_SIGNATURES = bytes.fromhex("6086480165030403")
_NIST_KEMS = bytes.fromhex("6086480165030404")
"""Arcs of NIST's algorithms; the last octet names one."""
_POST_QUANTUM = {
    **{_NIST_SIGNATURES + bytes([last]): f"ml-dsa-{size}" for last, size in ((17, 44), (18, 65), (19, 87))},
    **{
        _NIST_SIGNATURES + bytes([20 + place]): f"slh-dsa-{hashes}-{size}{speed}"
        for place, (hashes, size, speed) in enumerate(product(("sha2", "shake"), (128, 192, 256), ("s", "f")))
    },
    **{_NIST_KEMS + bytes([last]): f"ml-kem-{size}" for last, size in ((1, 512), (2, 768), (3, 1024))},
}
"""Keys that are octets behind an algorithm without parameters: RFC 9881, RFC 9909 and RFC 9935, section 3 of each."""

_RSA_ALGORITHM = der.write(der.SEQUENCE, der.write(der.OID, _RSA), der.write(der.NULL))

_OCTET_KEYS = {
    #         name, octets of the key, bits
    _X25519: ("x25519", 32, 256),
    _X448: ("x448", 56, 448),
    _ED25519: ("ed25519", 32, 256),
    _ED448: ("ed448", 57, 456),
}
"""Keys that are a string of octets (RFC 8410 section 3). Bits as OpenSSL and ssh-keygen count them."""

_SHAPES = {
    # octets of the SPKI: what it begins with, what it ends with
    44: (bytes.fromhex("302a300506032b6570032100"), b""),
    91: (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), b""),
    120: (bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"), b""),
    294: (
        bytes.fromhex("30820122300d06092a864886f70d01010105000382010f003082010a0282010100"),
        bytes.fromhex("0203010001"),
    ),
    550: (
        bytes.fromhex("30820222300d06092a864886f70d01010105000382020f003082020a0282020100"),
        bytes.fromhex("0203010001"),
    ),
}
"""Canonical keys by their fixed octets: Ed25519, P-256, P-384, RSA of 2048 and 4096 bits with e = 65537.

The zero that ends an RSA shape's beginning is the sign octet, minimal only before a set bit."""


def canonical_spki(spki_der: bytes) -> bytes:
    """The canonical form of a SubjectPublicKeyInfo.

    Returns:
        Canonical DER; the input itself where it is of an unknown algorithm or cannot be read. Never raises.
    """
    if _is_canonical_by_shape(spki_der):
        return spki_der
    try:
        algorithm, parameters, key = _open(spki_der)
        rewrite = _REWRITERS.get(algorithm)
        return rewrite(algorithm, parameters, key) if rewrite else spki_der
    except ProtocolError:
        return spki_der


def _is_canonical_by_shape(spki: bytes) -> bool:
    beginning, end = _SHAPES.get(len(spki), (b"", b""))
    if not beginning or not spki.startswith(beginning):
        return False
    return not end or (spki.endswith(end) and spki[len(beginning)] >= 0x80)


def spki_sha256(canonical: bytes) -> str:
    """The name of a key: SHA-256 over its canonical form, hex."""
    return hashlib.sha256(canonical).hexdigest()


def _open(spki: bytes) -> tuple[bytes, bytes, bytes]:
    """Algorithm identifier, DER of its parameters (empty where absent), octets of the key."""
    algorithm, key = _exactly(spki, der.whole(spki, der.SEQUENCE), 2)
    if algorithm.tag != der.SEQUENCE:
        raise ProtocolError("SPKI: the algorithm is no SEQUENCE")
    oid, *parameters = der.children(spki, algorithm)
    if oid.tag != der.OID or len(parameters) > 1:
        raise ProtocolError("SPKI: not an AlgorithmIdentifier")
    return (
        der.content(spki, oid),
        spki[parameters[0].at : parameters[0].stop] if parameters else b"",
        der.bit_string(spki, key),
    )


def _exactly(data: bytes, parent: Element, count: int) -> list[Element]:
    found = der.children(data, parent)
    if len(found) != count:
        raise ProtocolError(f"DER: {len(found)} elements where {count} belong")
    return found


def _integers(data: bytes, count: int) -> list[int]:
    """The numbers of a SEQUENCE of INTEGERs that fills `data`."""
    elements = _exactly(data, der.whole(data, der.SEQUENCE), count)
    return [der.magnitude(data, element) for element in elements]


def _rewrite_rsa(_algorithm: bytes, _parameters: bytes, key: bytes) -> bytes:
    modulus, exponent = _integers(key, 2)
    return _write_rsa(modulus, exponent)


def _rewrite_dsa(_algorithm: bytes, parameters: bytes, key: bytes) -> bytes:
    y = der.magnitude(key, der.whole(key, der.INTEGER))
    # Parameters may be absent: then they are those of the issuer (RFC 3279 section 2.3.2).
    return _write_dsa(_integers(parameters, 3) if parameters not in (b"", b"\x05\x00") else [], y)


def _rewrite_octets(algorithm: bytes, _parameters: bytes, key: bytes) -> bytes:
    if len(key) != _OCTET_KEYS[algorithm][1]:
        raise ProtocolError("SPKI: key of the wrong length")
    return _write_spki(der.write(der.OID, algorithm), key)


def _rewrite_post_quantum(algorithm: bytes, parameters: bytes, key: bytes) -> bytes:
    if parameters not in (b"", b"\x05\x00"):
        raise ProtocolError("SPKI: parameters where there are none")
    return _write_spki(der.write(der.OID, algorithm), key)


def _rewrite_ec(_algorithm: bytes, parameters: bytes, key: bytes) -> bytes:
    if parameters[:1] == b"\x30":
        curve = _explicit_curve(parameters)
    else:
        curve = der.content(parameters, der.whole(parameters, der.OID))
    return _write_ec(curve, key)


def _explicit_curve(parameters: bytes) -> bytes:
    """Identifier of the curve that ECParameters spell out (X9.62; RFC 3279 section 2.3.5).

    Raises:
        ProtocolError: no curve we know, or not ECParameters.
    """
    elements = der.children(parameters, der.whole(parameters, der.SEQUENCE))
    if len(elements) < 5:
        raise ProtocolError("SPKI: not ECParameters")
    _version, field_id, coefficients, base, order = elements[:5]
    numbers = der.children(parameters, coefficients)
    if len(numbers) < 2:
        raise ProtocolError("SPKI: curve without coefficients")
    a, b = (der.content(parameters, number) for number in numbers[:2])
    point = der.content(parameters, base)
    base_x = point[1:] if point[:1] in (b"\2", b"\3") else point[1 : 1 + len(point) // 2]
    digest = explicit_digest(
        parameters[field_id.at : field_id.stop], a, b, base_x, der.magnitude(parameters, order)
    )
    if digest not in BY_DIGEST:
        raise ProtocolError("SPKI: explicit parameters of no known curve")
    return BY_DIGEST[digest].oid


def _uncompressed(curve: bytes, point: bytes) -> bytes:
    """A curve point in uncompressed form (SEC 1 section 2.3); as it is where that cannot be had."""
    if point[:1] in (b"\6", b"\7"):
        return b"\4" + point[1:]
    if point[:1] not in (b"\2", b"\3"):
        return point
    try:
        known = ec.get_curve_for_oid(ObjectIdentifier(der.dotted(curve)))
        public = ec.EllipticCurvePublicKey.from_encoded_point(known(), point)
    except (LookupError, ValueError, UnsupportedAlgorithm):
        return point
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _write_spki(algorithm: bytes, key: bytes) -> bytes:
    return der.write(der.SEQUENCE, der.write(der.SEQUENCE, algorithm), der.write_bit_string(key))


def _write_rsa(modulus: int, exponent: int) -> bytes:
    key = der.write(der.SEQUENCE, der.write_integer(modulus), der.write_integer(exponent))
    return der.write(der.SEQUENCE, _RSA_ALGORITHM, der.write_bit_string(key))


def _write_dsa(parameters: list[int], y: int) -> bytes:
    written = der.write(der.SEQUENCE, *map(der.write_integer, parameters)) if parameters else b""
    return _write_spki(der.write(der.OID, _DSA) + written, der.write_integer(y))


def _write_ec(curve: bytes, point: bytes) -> bytes:
    algorithm = der.write(der.OID, _EC) + der.write(der.OID, curve)
    return _write_spki(algorithm, _uncompressed(curve, point))


_REWRITERS: dict[bytes, Callable[[bytes, bytes, bytes], bytes]] = {
    _RSA: _rewrite_rsa,
    _RSA_OAEP: _rewrite_rsa,
    _RSA_PSS: _rewrite_rsa,
    _RSA_X509: _rewrite_rsa,
    _EC: _rewrite_ec,
    _EC_DH: _rewrite_ec,
    _EC_MQV: _rewrite_ec,
    _DSA: _rewrite_dsa,
    _DSA_OIW: _rewrite_dsa,
    **dict.fromkeys(_OCTET_KEYS, _rewrite_octets),
    **dict.fromkeys(_POST_QUANTUM, _rewrite_post_quantum),
}


# --- SSH key blobs ---------------------------------------------------------------------------------------------

CERTIFICATE_SUFFIX = "-cert-v01@openssh.com"
"""What OpenSSH adds to a key type for its certificates (PROTOCOL.certkeys)."""

_SSH_CURVES = {
    "nistp256": bytes.fromhex("2a8648ce3d030107"),
    "nistp384": bytes.fromhex("2b81040022"),
    "nistp521": bytes.fromhex("2b81040023"),
}
"""Curve names of RFC 5656 section 10.1."""


def spki_from_ssh_blob(blob: bytes) -> bytes | None:
    """The canonical form of the key in an SSH public key blob (RFC 4253 section 6.6).

    Host certificates (PROTOCOL.certkeys of OpenSSH) and security keys (PROTOCOL.u2f) are reduced to their plain
    key. What follows the key's own fields is not looked at.

    Returns:
        Canonical DER; None for a key type that has no such form, and for a blob that cannot be read.
    """
    reader = Reader(blob)
    try:
        algorithm = reader.string().decode("ascii", "backslashreplace")
        if algorithm.endswith(CERTIFICATE_SUFFIX):
            reader.string()  # the CA's nonce
        convert = _SSH_KEYS.get(plain_ssh_algorithm(algorithm))
        return convert(reader) if convert else None
    except ProtocolError:
        return None


def plain_ssh_algorithm(algorithm: str) -> str:
    """The key type under a certificate or security key, e.g. ssh-ed25519 for sk-ssh-ed25519@openssh.com."""
    plain = algorithm.removesuffix(CERTIFICATE_SUFFIX)
    return plain.removeprefix("sk-").removesuffix("@openssh.com") if algorithm.startswith("sk-") else plain


def _ssh_rsa(reader: Reader) -> bytes:
    exponent, modulus = reader.mpint(), reader.mpint()
    return _write_rsa(modulus, exponent)


def _ssh_dss(reader: Reader) -> bytes:
    return _write_dsa([reader.mpint() for _ in "pqg"], reader.mpint())


def _ssh_ecdsa(reader: Reader) -> bytes:
    name = reader.string().decode("ascii", "backslashreplace")
    if name not in _SSH_CURVES:
        raise ProtocolError("SSH: a curve without a name of its own")
    return _write_ec(_SSH_CURVES[name], reader.string())


def _ssh_ed25519(reader: Reader) -> bytes:
    return _rewrite_octets(_ED25519, b"", reader.string())


def _ssh_ed448(reader: Reader) -> bytes:
    return _rewrite_octets(_ED448, b"", reader.string())


_SSH_KEYS: dict[str, Callable[[Reader], bytes]] = {
    "ssh-rsa": _ssh_rsa,
    "ssh-dss": _ssh_dss,
    "ecdsa-sha2-nistp256": _ssh_ecdsa,
    "ecdsa-sha2-nistp384": _ssh_ecdsa,
    "ecdsa-sha2-nistp521": _ssh_ecdsa,
    "ssh-ed25519": _ssh_ed25519,
    "ssh-ed448": _ssh_ed448,
}


# --- Descriptions ----------------------------------------------------------------------------------------------


def describe_key(canonical: bytes) -> Key:
    """The record of a key, from its canonical form. Never raises.

    `algorithm` is the dotted identifier where we have no name for it, and `unknown` where even that cannot be
    read. 5-10 us.
    """
    algorithm, bits, curve = _describe(canonical)
    return Key(
        spki_sha256=spki_sha256(canonical), algorithm=algorithm, bits=bits, curve=curve, spki_der=canonical
    )


def _describe(canonical: bytes) -> tuple[str, int | None, str | None]:
    """Algorithm, bits and curve."""
    try:
        algorithm, parameters, key = _open(canonical)
        name = _NAMES.get(algorithm) or der.dotted(algorithm)
    except ProtocolError:
        return "unknown", None, None
    try:
        if name == "rsa":
            return name, _integers(key, 2)[0].bit_length(), None
        if name == "dsa":
            return name, _integers(parameters, 3)[0].bit_length() if parameters else None, None
        if name == "ecdsa":
            return name, *_describe_curve(parameters, key)
    except ProtocolError:
        return name, None, None
    return name, _OCTET_KEYS[algorithm][2] if algorithm in _OCTET_KEYS else None, None


def _describe_curve(parameters: bytes, point: bytes) -> tuple[int | None, str | None]:
    """Bits and name of a named curve; of a curve we have no name for, the size of its coordinates and its
    identifier."""
    oid = der.content(parameters, der.whole(parameters, der.OID))
    if oid in BY_OID:
        return BY_OID[oid].field_bits, BY_OID[oid].name
    return (len(point) // 2 * 8 if point[:1] == b"\4" else None), der.dotted(oid)


_NAMES = {
    _RSA: "rsa",
    _DSA: "dsa",
    _EC: "ecdsa",
    **{algorithm: name for algorithm, (name, _octets, _bits) in _OCTET_KEYS.items()},
    **_POST_QUANTUM,
}
"""Names of the algorithms of canonical keys."""
