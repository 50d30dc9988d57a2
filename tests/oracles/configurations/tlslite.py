"""tlslite-ng in this process: SSL 3.0, RC4 and post-quantum hybrids, which no packaged server here has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mailcensus.wire.tls.hello import DEFAULT, LEGACY_SSL_3, POST_QUANTUM, HelloProfile
from oracles.configurations.workshop import Configuration, Workshop
from oracles.tls_clients import Target
from realservers.tlslite import tlslite

_CODES = {"SSL 3.0": (3, 0), "TLS 1.0": (3, 1), "TLS 1.1": (3, 2), "TLS 1.2": (3, 3), "TLS 1.3": (3, 4)}

_CURVES = ["x25519", "secp256r1", "secp384r1", "secp521r1"]
"""Those that tlslite-ng takes with TLS 1.3 alone."""


def _tlslite(
    version: str,
    name: str,
    *,
    profile: HelloProfile = DEFAULT,
    key: str = "rsa-2048",
    alpn: str | None = None,
    settings: dict[str, object] | None = None,
) -> Configuration:
    """One version only.

    Args:
        settings: attributes of tlslite's HandshakeSettings.
    """
    code = _CODES[version]
    attributes = {
        "minVersion": code,
        "maxVersion": code,
        "versions": [code],
        "eccCurves": _CURVES,
        "keyShares": _CURVES[:1],
        **(settings or {}),
    }

    @contextmanager
    def start(workshop: Workshop) -> Iterator[Target]:
        _, address = workshop.fresh("tlslite")
        credential = workshop.credentials.get(key)
        with tlslite(address=address, credential=credential, settings=attributes, alpn=alpn) as port:
            yield Target(address=address, port=port, alpn=alpn)

    return Configuration(
        server="tlslite-ng", name=f"{version}, {name}", start=start, oracles=("tlslite-ng",), profile=profile
    )


def _old(version: str, exchange: str, cipher: str) -> Configuration:
    return _tlslite(
        version,
        f"{exchange}, {cipher}",
        profile=LEGACY_SSL_3 if version == "SSL 3.0" else DEFAULT,
        settings={"keyExchangeNames": [exchange], "cipherNames": [cipher]},
    )


def _hybrid(group: str, profile: HelloProfile) -> Configuration:
    asked = "a share" if profile is POST_QUANTUM else "no share"
    return _tlslite(
        "TLS 1.3",
        f"group {group}, asked with {asked}",
        profile=profile,
        settings={"eccCurves": [group], "keyShares": [group]},
    )


TLSLITE = (
    _old("SSL 3.0", "rsa", "3des"),
    _old("SSL 3.0", "rsa", "rc4"),
    _old("SSL 3.0", "rsa", "aes128"),
    _old("SSL 3.0", "dhe_rsa", "aes256"),
    _old("TLS 1.0", "rsa", "rc4"),
    _old("TLS 1.0", "ecdhe_rsa", "3des"),
    _old("TLS 1.1", "dhe_rsa", "aes128"),
    _old("TLS 1.2", "rsa", "rc4"),
    _old("TLS 1.2", "dhe_rsa", "aes256ccm"),
    _old("TLS 1.2", "ecdhe_rsa", "chacha20-poly1305"),
    _tlslite("TLS 1.3", "as it comes"),
    _tlslite("TLS 1.3", "p-384", key="p-384"),
    _tlslite("TLS 1.3", "ALPN", alpn="http/1.1"),
    _hybrid("x25519mlkem768", DEFAULT),
    _hybrid("x25519mlkem768", POST_QUANTUM),
    _hybrid("secp256r1mlkem768", DEFAULT),
    _hybrid("secp384r1mlkem1024", DEFAULT),
)
