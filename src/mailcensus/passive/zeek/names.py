"""What Zeek calls versions, suites and groups, and what they are on the wire."""

from __future__ import annotations

import pyarrow as pa

from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import GROUPS, VERSIONS
from mailcensus.wire.tls.sslv2 import CIPHER_KINDS

_VERSIONS = {
    "SSLv2": 0x0002, "SSLv3": 0x0300, "TLSv10": 0x0301, "TLSv11": 0x0302, "TLSv12": 0x0303, "TLSv13": 0x0304,
}  # fmt: skip
_DRAFT, _FACEBOOK_DRAFT = 0x7F00, 0xFB00
"""RFC 8446's drafts on the wire (draft-ietf-tls-tls13-28 section 4.2.1.1), and those of Facebook's own."""
_DRAFTS = range(16, 29)
_SSLV2 = "SSLv20_CK_"
_OTHER_GROUPS = {"ecdh_x25519": 29, "curve25519": 29, "x448": 30}
"""Names of earlier versions."""


def versions() -> pa.Table:
    """name, code, our_name (null: none) of versions; `unknown-<number>` is none of them."""
    codes = dict(_VERSIONS)
    codes |= {f"TLSv13-draft{number}": _DRAFT + number for number in _DRAFTS}
    codes |= {f"TLSv13-FBdraft{number}": _FACEBOOK_DRAFT + number for number in _DRAFTS}
    return _table(codes, VERSIONS)


def suites() -> pa.Table:
    """name (upper case: Zeek's DH_ANON is IANA's DH_anon), code, our_name of suites."""
    return _table({name.upper(): code for code, name in CIPHER_SUITES.items()}, CIPHER_SUITES)


def sslv2_ciphers() -> pa.Table:
    """name (upper case), our_name of SSLv2's cipher kinds."""
    names = list(CIPHER_KINDS.values())
    zeeks = [name.replace("SSL_CK_", _SSLV2).upper() for name in names]
    return pa.table({"name": zeeks, "our_name": names})


def groups() -> pa.Table:
    """name (lower case), code, our_name of groups."""
    return _table({name.lower(): code for code, name in GROUPS.items()} | _OTHER_GROUPS, GROUPS)


def _table(codes: dict[str, int], names: dict[int, str]) -> pa.Table:
    columns = {
        "name": pa.array(codes.keys(), pa.string()),
        "code": pa.array(codes.values(), pa.uint16()),
        "our_name": pa.array([names.get(code) for code in codes.values()], pa.string()),
    }
    return pa.table(columns)
