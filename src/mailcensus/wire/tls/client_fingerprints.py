"""Fingerprints of a TLS client's hello: JA3 and JA4. GREASE (RFC 8701) counts in neither."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from mailcensus.wire.tls.codes import ExtensionType

_JA4_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_NOTHING = "000000000000"
Codes = tuple[int, ...]


def is_grease(code: int) -> bool:
    """One of the sixteen values 0x0A0A, 0x1A1A, ... that mean nothing (RFC 8701 section 2)."""
    return code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF


def without_grease(codes: Iterable[int]) -> Codes:
    """Codes that mean something, in their order."""
    return tuple(code for code in codes if not is_grease(code))


# Few distinct clients make most of a day's hellos.


@lru_cache(maxsize=4096)
def ja3(version: int, suites: Codes, extensions: Codes, groups: Codes, point_formats: Codes) -> str:
    """MD5 over "version,suites,extensions,groups,point formats" in decimal (the salesforce/ja3 definition)."""
    lists = (suites, extensions, groups)
    parts = [str(version), *("-".join(map(str, without_grease(codes))) for codes in lists)]
    text = ",".join([*parts, "-".join(map(str, point_formats))])
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=4096)
def ja4(
    version: int, suites: Codes, extensions: Codes, signature_schemes: Codes, first_alpn: bytes | None
) -> str:
    """JA4 over TCP (FoxIO's definition): what is offered, sorted, so that shuffled extensions do not matter.

    Args:
        version: the highest that is offered.
        first_alpn: the first protocol of ALPN; None: no such extension.
    """
    suites, extensions = without_grease(suites), without_grease(extensions)
    names = "d" if ExtensionType.SERVER_NAME in extensions else "i"
    counts = f"{min(len(suites), 99):02d}{min(len(extensions), 99):02d}"
    head = f"t{_JA4_VERSIONS.get(version, '00')}{names}{counts}{_ends(first_alpn)}"
    hidden = (ExtensionType.SERVER_NAME, ExtensionType.ALPN)
    kinds = _hex(sorted(kind for kind in extensions if kind not in hidden))
    schemes = _hex(without_grease(signature_schemes))
    return f"{head}_{_short(_hex(sorted(suites)))}_{_short(f'{kinds}_{schemes}' if schemes else kinds)}"


def _ends(alpn: bytes | None) -> str:
    """First and last character; of what is not letters and digits the first and last hex digit."""
    if not alpn:
        return "00"
    if alpn[:1].isalnum() and alpn[-1:].isalnum():
        return chr(alpn[0]) + chr(alpn[-1])
    return alpn.hex()[0] + alpn.hex()[-1]


def _hex(codes: Iterable[int]) -> str:
    return ",".join(f"{code:04x}" for code in codes)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else _NOTHING
