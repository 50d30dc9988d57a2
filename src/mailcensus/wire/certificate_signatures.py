"""Signature algorithms of certificates: their names, and whether a certificate signs itself."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import HashAlgorithm

from mailcensus.wire import der
from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.signatures import verifies

_ALGORITHMS: dict[str, tuple[str, HashAlgorithm | None]] = {
    # identifier, name as OpenSSL prints it, hash; RFC 3279, RFC 4055, RFC 5758, RFC 8410, NIST CSOR
    "1.2.840.113549.1.1.4": ("md5WithRSAEncryption", hashes.MD5()),
    "1.2.840.113549.1.1.5": ("sha1WithRSAEncryption", hashes.SHA1()),
    "1.3.14.3.2.29": ("sha1WithRSA", hashes.SHA1()),
    "1.2.840.113549.1.1.14": ("sha224WithRSAEncryption", hashes.SHA224()),
    "1.2.840.113549.1.1.11": ("sha256WithRSAEncryption", hashes.SHA256()),
    "1.2.840.113549.1.1.12": ("sha384WithRSAEncryption", hashes.SHA384()),
    "1.2.840.113549.1.1.13": ("sha512WithRSAEncryption", hashes.SHA512()),
    "2.16.840.1.101.3.4.3.13": ("RSA-SHA3-224", hashes.SHA3_224()),
    "2.16.840.1.101.3.4.3.14": ("RSA-SHA3-256", hashes.SHA3_256()),
    "2.16.840.1.101.3.4.3.15": ("RSA-SHA3-384", hashes.SHA3_384()),
    "2.16.840.1.101.3.4.3.16": ("RSA-SHA3-512", hashes.SHA3_512()),
    "1.2.840.10045.4.1": ("ecdsa-with-SHA1", hashes.SHA1()),
    "1.2.840.10045.4.3.1": ("ecdsa-with-SHA224", hashes.SHA224()),
    "1.2.840.10045.4.3.2": ("ecdsa-with-SHA256", hashes.SHA256()),
    "1.2.840.10045.4.3.3": ("ecdsa-with-SHA384", hashes.SHA384()),
    "1.2.840.10045.4.3.4": ("ecdsa-with-SHA512", hashes.SHA512()),
    "1.2.840.10040.4.3": ("dsaWithSHA1", hashes.SHA1()),
    "2.16.840.1.101.3.4.3.1": ("dsa_with_SHA224", hashes.SHA224()),
    "2.16.840.1.101.3.4.3.2": ("dsa_with_SHA256", hashes.SHA256()),
    "1.3.101.112": ("ED25519", None),
    "1.3.101.113": ("ED448", None),
}
_NAMES_ONLY = {
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.3": "md4WithRSAEncryption",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}
"""Algorithms that we name and do not check."""

_PSS = "1.2.840.113549.1.1.10"
_PSS_HASHES: dict[str, HashAlgorithm] = {
    "1.3.14.3.2.26": hashes.SHA1(),
    "2.16.840.1.101.3.4.2.4": hashes.SHA224(),
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_PSS_HASH, _PSS_MASK, _PSS_SALT = 0xA0, 0xA1, 0xA2


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature of a certificate."""

    algorithm: bytes
    """DER of its AlgorithmIdentifier."""
    octets: bytes

    def name(self) -> str:
        """The algorithm's name; its dotted identifier where it has none.

        Raises:
            ProtocolError: the identifier cannot be read.
        """
        oid = _identifier(self.algorithm)
        if oid == _PSS:
            return "rsassaPss"
        return _ALGORITHMS[oid][0] if oid in _ALGORITHMS else _NAMES_ONLY.get(oid, oid)

    def hash_name(self) -> str | None:
        """The hash that is signed, e.g. sha256; None where there is none of its own or it cannot be read."""
        try:
            digest, _ = _hash_and_padding(self.algorithm)
        except (ProtocolError, LookupError):
            return None
        return None if digest is None else digest.name

    def verifies(self, spki: bytes, signed: bytes) -> bool | None:
        """Whether it is the signature of the key `spki` over `signed`; None where that cannot be checked."""
        try:
            digest, pss = _hash_and_padding(self.algorithm)
        except (ProtocolError, LookupError):
            return None
        return verifies(spki, self.octets, signed, digest, pss)


def _identifier(algorithm: bytes) -> str:
    element = der.whole(algorithm, der.SEQUENCE)
    oid = der.expect(algorithm, element.start, element.stop, der.OID)
    return der.dotted(der.content(algorithm, oid))


def _hash_and_padding(algorithm: bytes) -> tuple[HashAlgorithm | None, padding.PSS | None]:
    """The hash signed and, for RSA-PSS, the padding.

    Raises:
        ProtocolError, LookupError: cannot be read, or one that we do not check.
    """
    oid = _identifier(algorithm)
    if oid != _PSS:
        return _ALGORITHMS[oid][1], None
    return _pss(algorithm)


def _pss(algorithm: bytes) -> tuple[HashAlgorithm, padding.PSS]:
    """RSASSA-PSS-params (RFC 4055 section 3.1): what is absent is SHA-1 and 20 octets of salt."""
    parameters = der.children(algorithm, der.whole(algorithm, der.SEQUENCE))[1]
    fields = {field.tag: field for field in der.children(algorithm, parameters)}
    digest, mask, salt = _PSS_HASHES["1.3.14.3.2.26"], _PSS_HASHES["1.3.14.3.2.26"], 20
    if _PSS_HASH in fields:
        digest = _PSS_HASHES[_identifier(der.content(algorithm, fields[_PSS_HASH]))]
    if _PSS_MASK in fields:
        generator = der.content(algorithm, fields[_PSS_MASK])
        inner = der.children(generator, der.whole(generator, der.SEQUENCE))[1]
        mask = _PSS_HASHES[_identifier(generator[inner.at : inner.stop])]
    if _PSS_SALT in fields:
        field = fields[_PSS_SALT]
        salt = der.magnitude(algorithm, der.expect(algorithm, field.start, field.stop, der.INTEGER))
    return digest, padding.PSS(padding.MGF1(mask), salt)
