"""Fingerprints of a TLS server's answer: JA3S and JA4S."""

from __future__ import annotations

import hashlib

from mailcensus.wire.tls.messages import ServerHello

_JA4_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}


def ja3s(hello: ServerHello) -> str:
    """JA3S: MD5 over "version,suite,extensions" of the ServerHello, in decimal (the salesforce/ja3 definition)."""
    extensions = "-".join(str(kind) for kind, _ in hello.extensions)
    text = f"{hello.legacy_version},{hello.cipher_suite},{extensions}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def ja4s(hello: ServerHello, alpn: str | None) -> str:
    """JA4S over TCP: version, number of extensions, ALPN ends, suite, hash of the extensions in order sent.

    The ALPN counts only where the ServerHello itself carries it, which TLS 1.3 never does.
    """
    version = _JA4_VERSIONS.get(hello.version, "00")
    visible = alpn if any(kind == 16 for kind, _ in hello.extensions) else None
    ends = f"{visible[0]}{visible[-1]}" if visible else "00"
    codes = ",".join(f"{kind:04x}" for kind, _ in hello.extensions)
    digest = hashlib.sha256(codes.encode()).hexdigest()[:12] if codes else "000000000000"
    return f"t{version}{min(len(hello.extensions), 99):02d}{ends}_{hello.cipher_suite:04x}_{digest}"
