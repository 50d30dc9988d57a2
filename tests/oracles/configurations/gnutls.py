"""`gnutls-serv`: what GnuTLS serves, old ciphers that OpenSSL has dropped among it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mailcensus.wire.tls.hello import DEFAULT, HelloProfile
from oracles.configurations.workshop import EVERYTHING, NO_FINITE_GROUPS, Configuration, Workshop
from oracles.tls_clients import Target
from realservers.credentials import USUAL, Chain
from realservers.gnutls import gnutls_serv


def _gnutls(
    name: str,
    priority: str,
    *arguments: str,
    key: str = "rsa-2048",
    dh_bits: int | None = None,
    alpn: str | None = None,
    profile: HelloProfile = DEFAULT,
    oracles: tuple[str, ...] = ("gnutls-cli",),
    chain: Chain = USUAL,
) -> Configuration:
    @contextmanager
    def start(workshop: Workshop) -> Iterator[Target]:
        directory, address = workshop.fresh("gnutls")
        more = [] if dh_bits is None else ["--dhparams", str(workshop.dh_file(dh_bits, pkcs3=True))]
        with gnutls_serv(
            directory,
            address=address,
            credential=workshop.credentials.get(key, chain),
            priority=f"NORMAL:{priority}" if priority else "NORMAL",
            arguments=[*(arguments or ("--disable-client-cert",)), *more],
        ) as server:
            yield Target(address=address, port=server.ports["https"], alpn=alpn)

    return Configuration(server="GnuTLS", name=name, start=start, oracles=oracles, profile=profile)


def _gnutls_only(
    version: str, exchange: str, cipher: str, mac: str = "", *, key: str = "rsa-2048",
    dh_bits: int | None = None, profile: HelloProfile = DEFAULT,
) -> Configuration:  # fmt: skip
    """One version, key exchange and cipher."""
    priority = f"-VERS-ALL:+VERS-TLS{version}:-KX-ALL:+{exchange}:-CIPHER-ALL:+{cipher}:%COMPAT"
    priority += f":-MAC-ALL:+{mac}" if mac else ""
    words = [f"TLS {version}", exchange, cipher, *([mac] if mac else [])]
    words += [key] if key != "rsa-2048" else []
    words += [f"DH of {dh_bits} bits"] if dh_bits else []
    if dh_bits:
        profile = NO_FINITE_GROUPS
    return _gnutls(", ".join(words), priority, key=key, dh_bits=dh_bits, profile=profile)


GNUTLS = (
    _gnutls("all versions, as it comes", "+VERS-ALL", oracles=("gnutls-cli", "s_client")),
    _gnutls("TLS 1.3, ed25519", "-VERS-ALL:+VERS-TLS1.3", key="ed25519", oracles=("gnutls-cli", "s_client")),
    _gnutls("TLS 1.3, rsa-pss-2048", "-VERS-ALL:+VERS-TLS1.3", key="rsa-pss-2048"),
    _gnutls("TLS 1.3, group X448", "-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X448"),
    _gnutls("TLS 1.3, group FFDHE2048", "-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-FFDHE2048"),
    _gnutls("TLS 1.3, AES-128-CCM", "-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-CCM", profile=EVERYTHING),
    _gnutls("TLS 1.3, asks for a client certificate", "-VERS-ALL:+VERS-TLS1.3", "--noticket",
            oracles=("gnutls-cli", "s_client")),
    _gnutls("TLS 1.3, ALPN", "-VERS-ALL:+VERS-TLS1.3", "--disable-client-cert", "--alpn", "http/1.1",
            alpn="http/1.1", oracles=("gnutls-cli", "s_client")),
    _gnutls("TLS 1.3, staples an OCSP response", "-VERS-ALL:+VERS-TLS1.3", oracles=("gnutls-cli", "s_client"),
            chain=Chain(ocsp_status="good")),
    _gnutls("TLS 1.2, heartbeat", "-VERS-ALL:+VERS-TLS1.2", "--disable-client-cert", "--heartbeat"),
    _gnutls("TLS 1.2, staples an OCSP response", "-VERS-ALL:+VERS-TLS1.2", oracles=("gnutls-cli", "s_client"),
            chain=Chain(ocsp_status="revoked")),
    _gnutls("TLS 1.2, no extended master secret", "-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH",
            oracles=("gnutls-cli", "s_client")),
    _gnutls("TLS 1.2, chain of 3", "-VERS-ALL:+VERS-TLS1.2", chain=Chain(length=3)),
    _gnutls_only("1.2", "ECDHE-RSA", "CAMELLIA-128-GCM", profile=EVERYTHING),
    _gnutls_only("1.2", "ECDHE-ECDSA", "CAMELLIA-256-GCM", key="p-256", profile=EVERYTHING),
    _gnutls_only("1.2", "RSA", "CAMELLIA-128-GCM", profile=EVERYTHING),
    _gnutls_only("1.2", "ECDHE-ECDSA", "AES-128-CCM-8", key="p-256", profile=EVERYTHING),
    _gnutls_only("1.2", "ECDHE-ECDSA", "AES-128-CCM", key="p-256"),
    _gnutls_only("1.2", "RSA", "AES-256-CCM"),
    _gnutls_only("1.2", "DHE-RSA", "CHACHA20-POLY1305", dh_bits=2048),
    _gnutls_only("1.2", "DHE-RSA", "AES-128-GCM", dh_bits=1024),
    _gnutls_only("1.2", "DHE-RSA", "CAMELLIA-256-CBC", "SHA256", dh_bits=2048),
    _gnutls_only("1.2", "DHE-RSA", "3DES-CBC", "SHA1", dh_bits=1024),
    _gnutls_only("1.2", "DHE-RSA", "AES-256-GCM"),
    _gnutls_only("1.2", "ECDHE-RSA", "3DES-CBC", "SHA1"),
    _gnutls_only("1.2", "ECDHE-RSA", "ARCFOUR-128", "SHA1"),
    _gnutls_only("1.2", "RSA", "ARCFOUR-128", "MD5"),
    _gnutls_only("1.1", "ECDHE-ECDSA", "3DES-CBC", "SHA1", key="p-256"),
    _gnutls_only("1.1", "RSA", "3DES-CBC", "SHA1"),
    _gnutls_only("1.0", "RSA", "ARCFOUR-128", "SHA1"),
    _gnutls_only("1.0", "RSA", "CAMELLIA-256-CBC", "SHA1"),
    _gnutls_only("1.0", "DHE-RSA", "3DES-CBC", "SHA1", dh_bits=1024),
    _gnutls_only("1.0", "ECDHE-ECDSA", "ARCFOUR-128", "SHA1", key="p-256"),
)  # fmt: skip
