"""Fingerprints of a TLS server's answer: JA3S and JA4S."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from mailcensus.wire.tls.codes import ExtensionType
from mailcensus.wire.tls.messages import ServerHello

_JA4_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}


def ja3s(hello: ServerHello) -> str:
    """JA3S: MD5 over "version,suite,extensions" of the ServerHello, in decimal (the salesforce/ja3 definition)."""
    return _ja3s(hello.legacy_version, hello.cipher_suite, tuple(kind for kind, _ in hello.extensions))


def ja4s(hello: ServerHello, alpn: str | None) -> str:
    """JA4S over TCP: version, number of extensions, ALPN ends, suite, hash of the extensions in order sent.

    The ALPN counts only where the ServerHello itself carries it, which TLS 1.3 never does.
    """
    return _ja4s(hello.version, hello.cipher_suite, tuple(kind for kind, _ in hello.extensions), alpn)


# Few distinct answers make up most of a population.


@lru_cache(maxsize=4096)
def _ja3s(legacy_version: int, cipher_suite: int, kinds: tuple[int, ...]) -> str:
    text = f"{legacy_version},{cipher_suite},{'-'.join(map(str, kinds))}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=4096)
def _ja4s(version: int, cipher_suite: int, kinds: tuple[int, ...], alpn: str | None) -> str:
    visible = alpn if ExtensionType.ALPN in kinds else None
    ends = f"{visible[0]}{visible[-1]}" if visible else "00"
    codes = ",".join(f"{kind:04x}" for kind in kinds)
    digest = hashlib.sha256(codes.encode()).hexdigest()[:12] if codes else "000000000000"
    return f"t{_JA4_VERSIONS.get(version, '00')}{min(len(kinds), 99):02d}{ends}_{cipher_suite:04x}_{digest}"
