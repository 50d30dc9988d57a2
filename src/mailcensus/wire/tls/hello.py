"""The ClientHello: named, versioned profiles as data, and the bytes they make (RFC 8446 section 4.1.2).

The hello decides the numbers: a profile is never changed once it has been published, only succeeded by another.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from mailcensus.wire.tls.codes import SSL_3_0, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, ExtensionType

_RANDOM_BYTES = 32
"""Of the random, and of the session id that a TLS 1.3 client makes up (RFC 8446 section 4.1.2)."""
_SESSION_ID_LENGTH = bytes((_RANDOM_BYTES,))
_PADDED_LENGTH = 512
"""Some load balancers hang on hellos of 256 to 511 bytes; RFC 7685 pads them to 512."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HelloProfile:
    """What one kind of client offers. Compared and hashed by identity: profiles are singletons, and hot."""

    name: str
    purpose: str
    versions: tuple[int, ...]
    """Highest first."""
    cipher_suites: tuple[int, ...]
    groups: tuple[int, ...]
    key_shares: tuple[int, ...]
    """Groups a TLS 1.3 share is sent for at once."""
    signature_schemes: tuple[int, ...]


_SUITES_13 = (0x1301, 0x1302, 0x1303, 0x1304, 0x1305)
_SUITES_AEAD = (
    # ECDHE, then DHE; GCM, ChaCha20-Poly1305, CCM
    0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC0AC, 0xC0AD,
    0x009E, 0x009F, 0xCCAA, 0xC09E, 0xC09F, 0x00A2, 0x00A3,
)  # fmt: skip
_SUITES_CBC = (
    # ECDHE, then DHE with RSA and DSS
    0xC023, 0xC027, 0xC009, 0xC013, 0xC024, 0xC028, 0xC00A, 0xC014,
    0x0067, 0x0033, 0x006B, 0x0039, 0x0040, 0x0032, 0x006A, 0x0038,
)  # fmt: skip
_SUITES_RSA = (0x009C, 0x009D, 0xC09C, 0xC09D, 0x003C, 0x002F, 0x003D, 0x0035)
_SUITES_RARE = (
    # CCM with short tags, Camellia (GCM, then CBC with ECDHE), ARIA: sound, and all that some servers take
    0xC0AE, 0xC0AF, 0xC0A2, 0xC0A3, 0xC0A0, 0xC0A1,
    0xC086, 0xC08A, 0xC087, 0xC08B, 0xC07C, 0xC07D, 0xC07A, 0xC07B, 0xC072, 0xC076, 0xC073, 0xC077,
    0xC05C, 0xC060, 0xC05D, 0xC061, 0xC052, 0xC053, 0xC050, 0xC051,
)  # fmt: skip
_SUITES_OLD = (
    # Camellia, SEED, 3DES, RC4: what is left of servers from before 2010
    0x00BE, 0x0045, 0x00C4, 0x0088, 0x00BA, 0x0041, 0x00C0, 0x0084, 0x009A, 0x0096,
    0xC008, 0xC012, 0x0016, 0x0013, 0x000A, 0xC007, 0xC011, 0x0005, 0x0004,
)  # fmt: skip
_SUITES_WEAK = (
    # NULL, export, DES, IDEA and RC4 export-1024 suites: what only a broken server still takes
    0x0001, 0x0002, 0x003B, 0xC006, 0xC010, 0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014,
    0x0009, 0x000C, 0x000F, 0x0012, 0x0015, 0x0007, 0x0062, 0x0063, 0x0064, 0x0065,
)  # fmt: skip
_SCSV = 0x00FF
_SCHEMES = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B,
    0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0402, 0x0302, 0x0203, 0x0201, 0x0202,
)  # fmt: skip
_GROUPS_CLASSICAL = (29, 23, 24, 25, 30, 256, 257, 258)
# Post-quantum hybrids are offered without a share: a server that prefers one says so by HelloRetryRequest, and
# every other hello stays small enough for one packet.
_GROUPS = (29, 0x11EC, 0x11EB, 0x11ED, *_GROUPS_CLASSICAL[1:])

DEFAULT = HelloProfile(
    name="mailcensus-2026",
    purpose="everything a sound client of 2026 offers first, then what reaches old servers; nothing anonymous",
    versions=(TLS_1_3, TLS_1_2, TLS_1_1, TLS_1_0),
    cipher_suites=_SUITES_13 + _SUITES_AEAD + _SUITES_CBC + _SUITES_RSA + _SUITES_RARE + _SUITES_OLD,
    groups=_GROUPS,
    key_shares=(29,),
    signature_schemes=_SCHEMES,
)
TLS_1_2_ONLY = HelloProfile(
    name="mailcensus-2026-tls12",
    purpose="the default profile without TLS 1.3: what a server negotiates with a client that stopped there",
    versions=(TLS_1_2, TLS_1_1, TLS_1_0),
    cipher_suites=_SUITES_AEAD + _SUITES_CBC + _SUITES_RSA + _SUITES_RARE + _SUITES_OLD,
    groups=_GROUPS_CLASSICAL,
    key_shares=(),
    signature_schemes=_SCHEMES,
)

POST_QUANTUM = replace(
    DEFAULT,
    name="mailcensus-2026-pq",
    purpose="the default profile with an X25519MLKEM768 share sent at once, as browsers do; two packets long",
    groups=(0x11EC, *(group for group in _GROUPS if group != 0x11EC)),
    key_shares=(0x11EC, 29),
)

LEGACY_WEAK = HelloProfile(
    name="legacy-weak-2026",
    purpose="suites no sound client offers, for servers that refused all others",
    versions=(TLS_1_2, TLS_1_1, TLS_1_0),
    cipher_suites=(*_SUITES_WEAK, _SCSV),
    groups=_GROUPS_CLASSICAL,
    key_shares=(),
    signature_schemes=_SCHEMES,
)
LEGACY_SSL_3 = HelloProfile(
    name="legacy-sslv3-2026",
    purpose="SSL 3.0 and nothing else, without extensions",
    versions=(SSL_3_0,),
    cipher_suites=(0x0039, 0x0038, 0x0035, 0x0033, 0x0032, 0x002F, *_SUITES_OLD, *_SUITES_WEAK, _SCSV),
    groups=(),
    key_shares=(),
    signature_schemes=(),
)
LEGACY_SSL_2 = HelloProfile(
    name="legacy-sslv2-2026",
    purpose="SSL 2.0 with all its cipher kinds",
    versions=(0x0002,),
    cipher_suites=(),
    groups=(),
    key_shares=(),
    signature_schemes=(),
)

PROFILES: dict[str, HelloProfile] = {
    profile.name: profile
    for profile in (DEFAULT, TLS_1_2_ONLY, POST_QUANTUM, LEGACY_WEAK, LEGACY_SSL_3, LEGACY_SSL_2)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """A hello as sent."""

    message: bytes
    """The handshake message, header included (what the transcript covers)."""
    legacy_version: int
    random: bytes
    session_id: bytes


def build_client_hello(
    profile: HelloProfile,
    *,
    server_name: str | None,
    alpn: tuple[str, ...],
    shares: Sequence[tuple[int, bytes]],
    cookie: bytes | None = None,
    retry_of: ClientHello | None = None,
) -> ClientHello:
    """Make a ClientHello.

    Args:
        shares: group and public value of each TLS 1.3 key share.
        cookie: body of the cookie extension of a HelloRetryRequest.
        retry_of: the first hello, whose random and session id a second one repeats (RFC 8446 section 4.1.2).
    """
    fixed = (profile, server_name, alpn, tuple(shares))
    # A cookie is its server's alone, and may be long: nothing to remember.
    before, after = _fixed_parts(*fixed, None) if cookie is None else _fixed_parts.__wrapped__(*fixed, cookie)
    random = retry_of.random if retry_of else os.urandom(_RANDOM_BYTES)
    session_id = retry_of.session_id if retry_of else os.urandom(_RANDOM_BYTES)
    return ClientHello(
        message=b"".join((before, random, _SESSION_ID_LENGTH, session_id, after)),
        legacy_version=min(profile.versions[0], TLS_1_2),
        random=random,
        session_id=session_id,
    )


@lru_cache(maxsize=4096)
def _fixed_parts(
    profile: HelloProfile,
    server_name: str | None,
    alpn: tuple[str, ...],
    shares: tuple[tuple[int, bytes], ...],
    cookie: bytes | None,
) -> tuple[bytes, bytes]:
    """What stands before and after random and session id; the same from hello to hello while its key shares last."""
    version = _u16(min(profile.versions[0], TLS_1_2))
    suites = _vector16(b"".join(_u16(code) for code in profile.cipher_suites)) + b"\x01\x00"
    extensions = _extensions(profile, server_name, alpn, shares, cookie)
    around = len(version) + 2 * _RANDOM_BYTES + len(_SESSION_ID_LENGTH)
    length = around + len(suites) + 2 + len(extensions) + 4
    if 256 <= length < _PADDED_LENGTH:
        extensions += _extension(ExtensionType.PADDING, bytes(max(0, _PADDED_LENGTH - length - 4)))
    after = suites + (_vector16(extensions) if extensions else b"")
    return b"\x01" + (around + len(after)).to_bytes(3, "big") + version, after


def _extensions(
    profile: HelloProfile,
    server_name: str | None,
    alpn: tuple[str, ...],
    shares: tuple[tuple[int, bytes], ...],
    cookie: bytes | None,
) -> bytes:
    """All but padding, in the order they are sent."""
    if profile.versions[0] == SSL_3_0:
        return b""
    extensions = b""
    if server_name is not None:
        name = server_name.encode("idna") if not server_name.isascii() else server_name.encode()
        extensions += _extension(ExtensionType.SERVER_NAME, _vector16(b"\x00" + _vector16(name)))
    extensions += _extension(ExtensionType.EXTENDED_MASTER_SECRET, b"")
    extensions += _extension(ExtensionType.ENCRYPT_THEN_MAC, b"")
    extensions += _extension(ExtensionType.RENEGOTIATION_INFO, b"\x00")
    extensions += _extension(ExtensionType.SUPPORTED_GROUPS, _codes(profile.groups))
    extensions += _extension(ExtensionType.EC_POINT_FORMATS, b"\x01\x00")
    extensions += _extension(ExtensionType.SESSION_TICKET, b"")
    if alpn:
        names = b"".join(bytes((len(name),)) + name.encode() for name in alpn)
        extensions += _extension(ExtensionType.ALPN, _vector16(names))
    extensions += _extension(ExtensionType.STATUS_REQUEST, b"\x01\x00\x00\x00\x00")
    if profile.versions[0] >= TLS_1_2:
        extensions += _extension(ExtensionType.SIGNATURE_ALGORITHMS, _codes(profile.signature_schemes))
    extensions += _extension(ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP, b"")
    # Mode 2: the peer may not send heartbeats. Offered only so that its answer shows; none is ever sent.
    extensions += _extension(ExtensionType.HEARTBEAT, b"\x02")
    if profile.versions[0] >= TLS_1_3:
        versions = b"".join(_u16(version) for version in profile.versions)
        extensions += _extension(ExtensionType.SUPPORTED_VERSIONS, bytes((len(versions),)) + versions)
        extensions += _extension(ExtensionType.PSK_KEY_EXCHANGE_MODES, b"\x01\x01")
        entries = b"".join(_u16(group) + _vector16(public) for group, public in shares)
        extensions += _extension(ExtensionType.KEY_SHARE, _vector16(entries))
        if cookie is not None:
            extensions += _extension(ExtensionType.COOKIE, cookie)
    return extensions


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _vector16(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _codes(values: tuple[int, ...]) -> bytes:
    return _vector16(b"".join(_u16(value) for value in values))


def _extension(kind: ExtensionType, body: bytes) -> bytes:
    return _u16(kind) + _vector16(body)
