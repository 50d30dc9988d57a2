"""Whether a server holds the key it shows: its signature over the handshake.

TLS 1.2 and before: ServerKeyExchange (RFC 5246 section 7.4.3, RFC 8422 section 5.4). TLS 1.3: CertificateVerify
(RFC 8446 section 4.4.3). A server without the key can show anybody's certificate, so this tells a key that is
shared from one that is merely quoted. RSA key exchange proves possession by its Finished alone.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from mailcensus.wire.certificates import certificate_spki
from mailcensus.wire.signatures import verifies

_CONTEXT_13 = b" " * 64 + b"TLS 1.3, server CertificateVerify\x00"
_SHA1, _SHA224, _SHA256 = hashes.SHA1(), hashes.SHA224(), hashes.SHA256()
_SHA384, _SHA512 = hashes.SHA384(), hashes.SHA512()

_DIGESTS: dict[int, hashes.HashAlgorithm | None] = {
    0x0201: _SHA1, 0x0202: _SHA1, 0x0203: _SHA1,
    0x0301: _SHA224, 0x0302: _SHA224, 0x0303: _SHA224,
    0x0401: _SHA256, 0x0402: _SHA256, 0x0403: _SHA256,
    0x0501: _SHA384, 0x0502: _SHA384, 0x0503: _SHA384,
    0x0601: _SHA512, 0x0602: _SHA512, 0x0603: _SHA512,
    0x0804: _SHA256, 0x0805: _SHA384, 0x0806: _SHA512,
    0x0809: _SHA256, 0x080A: _SHA384, 0x080B: _SHA512,
    0x0807: None, 0x0808: None,
}  # fmt: skip
_PSS = {
    scheme: padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
    for scheme, digest in _DIGESTS.items()
    if scheme in (0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B) and digest is not None
}


def signature_verifies(scheme: int | None, leaf_der: bytes, signature: bytes, signed: bytes) -> bool | None:
    """Whether the leaf's key made a signature.

    Args:
        scheme: IANA SignatureScheme; None before TLS 1.2, where DSA and ECDSA sign SHA-1 and RSA signs MD5 and
            SHA-1 together.
    Returns:
        None where it cannot be checked: an unknown scheme or key, or RSA before TLS 1.2.
    """
    if scheme is not None and scheme not in _DIGESTS:
        return None
    spki = certificate_spki(leaf_der)
    if spki is None:
        return None
    digest = _SHA1 if scheme is None else _DIGESTS[scheme]
    verdict = verifies(spki, signature, signed, digest, _PSS.get(scheme or 0))
    return None if scheme is None and verdict is False else verdict


def signed_content_13(transcript_hash: bytes) -> bytes:
    """What a CertificateVerify signs, from the transcript hash up to Certificate."""
    return _CONTEXT_13 + transcript_hash
