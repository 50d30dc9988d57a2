"""`openssl s_server`: every version, suite, group, key and chain that Debian's OpenSSL serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mailcensus.wire.tls.hello import DEFAULT, LEGACY_WEAK, HelloProfile
from oracles.configurations.workshop import EVERYTHING, Configuration, Workshop
from oracles.tls_clients import Target
from realservers.credentials import USUAL, Chain
from realservers.openssl import s_server


def _openssl(
    name: str,
    *arguments: str,
    key: str = "rsa-2048",
    dh_bits: int | None = None,
    alpn: str | None = None,
    profile: HelloProfile = DEFAULT,
    oracles: tuple[str, ...] = ("s_client",),
    chain: Chain = USUAL,
) -> Configuration:
    @contextmanager
    def start(workshop: Workshop) -> Iterator[Target]:
        directory, address = workshop.fresh("openssl")
        more = [] if dh_bits is None else ["-dhparam", str(workshop.dh_file(dh_bits))]
        credential = workshop.credentials.get(key, chain)
        with s_server(
            directory, address=address, credential=credential, arguments=[*arguments, *more]
        ) as server:
            yield Target(address=address, port=server.ports["https"], alpn=alpn)

    return Configuration(server="OpenSSL", name=name, start=start, oracles=oracles, profile=profile)


def _openssl_13(suite: str, profile: HelloProfile = DEFAULT) -> Configuration:
    return _openssl(f"TLS 1.3, {suite}", "-tls1_3", "-ciphersuites", suite, profile=profile)


def _openssl_old(
    version: str, cipher: str, *arguments: str, name: str = "", key: str = "rsa-2048",
    dh_bits: int | None = None, alpn: str | None = None, profile: HelloProfile = DEFAULT, chain: Chain = USUAL,
) -> Configuration:  # fmt: skip
    """One suite of TLS 1.0 to 1.2."""
    words = [f"TLS {version}", cipher]
    words += [key] if key != "rsa-2048" else []
    words += [f"DH of {dh_bits} bits"] if dh_bits else []
    words += [name] if name else []
    flag = {"1.0": "-tls1", "1.1": "-tls1_1", "1.2": "-tls1_2"}[version]
    return _openssl(
        ", ".join(words), flag, "-cipher", f"{cipher}:@SECLEVEL=0", *arguments,
        key=key, dh_bits=dh_bits, alpn=alpn, profile=profile, chain=chain,
    )  # fmt: skip


OPENSSL = (
    _openssl("all versions, as it comes", oracles=("s_client", "gnutls-cli")),
    _openssl_13("TLS_AES_128_GCM_SHA256"),
    _openssl_13("TLS_AES_256_GCM_SHA384"),
    _openssl_13("TLS_CHACHA20_POLY1305_SHA256"),
    _openssl_13("TLS_AES_128_CCM_SHA256", EVERYTHING),
    _openssl_13("TLS_AES_128_CCM_8_SHA256", EVERYTHING),
    *(
        _openssl(f"TLS 1.3, group {group}", "-tls1_3", "-groups", group)
        for group in ("X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048", "ffdhe3072", "ffdhe4096")
    ),
    *(
        _openssl(f"TLS 1.3, {key}", "-tls1_3", key=key)
        for key in ("p-256", "p-384", "p-521", "ed25519", "ed448", "rsa-3072", "rsa-pss-2048")
    ),
    _openssl("TLS 1.3, ALPN", "-tls1_3", "-alpn", "http/1.1", alpn="http/1.1"),
    _openssl("TLS 1.3, asks for a client certificate", "-tls1_3", "-verify", "1"),
    _openssl("TLS 1.3, no tickets", "-tls1_3", "-no_ticket", "-num_tickets", "0"),
    _openssl("TLS 1.3, staples an OCSP response: good", "-tls1_3", chain=Chain(ocsp_status="good")),
    _openssl("TLS 1.3, staples an OCSP response: revoked", "-tls1_3", chain=Chain(ocsp_status="revoked")),
    *(_openssl(f"TLS 1.3, chain of {length}", "-tls1_3", chain=Chain(length=length)) for length in (1, 3, 4)),
    _openssl("TLS 1.3, chain of 4 in the wrong order", "-tls1_3", chain=Chain(length=4, backwards=True)),
    *(
        _openssl_old("1.2", cipher)
        for cipher in (
            "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
            "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA",
            "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-CCM", "AES256-SHA256", "AES128-SHA",
            "CAMELLIA128-SHA256", "CAMELLIA256-SHA", "SEED-SHA",
        )
    ),
    *(
        _openssl_old("1.2", cipher, profile=EVERYTHING)
        for cipher in (
            "ECDHE-RSA-CAMELLIA256-SHA384", "ECDHE-ARIA256-GCM-SHA384", "ARIA128-GCM-SHA256", "AES256-CCM8",
        )
    ),
    *(_openssl_old("1.2", cipher, profile=LEGACY_WEAK) for cipher in ("NULL-SHA256", "ECDHE-RSA-NULL-SHA")),
    *(
        _openssl_old("1.2", cipher, key="p-256")
        for cipher in (
            "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-CCM",
            "ECDHE-ECDSA-AES128-SHA256",
        )
    ),
    *(
        _openssl_old("1.2", cipher, key="p-256", profile=EVERYTHING)
        for cipher in ("ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-ARIA128-GCM-SHA256",
                       "ECDHE-ECDSA-CAMELLIA128-SHA256")
    ),
    *(_openssl_old("1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", key=key) for key in ("p-521", "ed25519", "ed448")),
    _openssl_old("1.2", "ECDHE-RSA-AES256-GCM-SHA384", key="rsa-pss-2048"),
    _openssl_old("1.2", "ECDHE-RSA-AES256-GCM-SHA384", key="rsa-1024"),
    *(
        _openssl_old("1.2", "ECDHE-RSA-AES128-GCM-SHA256", "-groups", group, name=f"group {group}")
        for group in ("P-256", "P-384", "P-521", "X25519", "X448")
    ),
    *(
        _openssl_old("1.2", cipher, dh_bits=bits)
        for cipher, bits in (
            ("DHE-RSA-AES128-GCM-SHA256", 2048), ("DHE-RSA-AES256-GCM-SHA384", 1024),
            ("DHE-RSA-AES128-GCM-SHA256", 512), ("DHE-RSA-CHACHA20-POLY1305", 3072),
            ("DHE-RSA-AES256-CCM", 2048), ("DHE-RSA-AES256-SHA256", 1536),
            ("DHE-RSA-CAMELLIA128-SHA", 1024), ("DHE-RSA-SEED-SHA", 1024),
        )
    ),
    *(
        _openssl_old("1.2", cipher, key=key, dh_bits=1024)
        for cipher, key in (("DHE-DSS-AES128-GCM-SHA256", "dsa-2048"), ("DHE-DSS-AES256-SHA256", "dsa-2048"),
                            ("DHE-DSS-AES128-SHA", "dsa-1024"))
    ),
    _openssl_old("1.2", "ECDHE-RSA-AES128-GCM-SHA256", "-alpn", "http/1.1", name="ALPN", alpn="http/1.1"),
    _openssl_old("1.2", "ECDHE-RSA-AES128-GCM-SHA256", "-verify", "1", name="asks for a client certificate"),
    _openssl_old("1.2", "ECDHE-RSA-AES128-GCM-SHA256", "-no_ticket", name="no tickets"),
    _openssl_old("1.2", "ECDHE-RSA-AES128-GCM-SHA256", name="staples an OCSP response",
                 chain=Chain(ocsp_status="good")),
    _openssl_old("1.2", "AES128-SHA", name="chain of 4 in the wrong order",
                 chain=Chain(length=4, backwards=True)),
    _openssl_old("1.1", "ECDHE-RSA-AES128-SHA"),
    _openssl_old("1.1", "AES256-SHA"),
    _openssl_old("1.1", "DHE-RSA-AES256-SHA", dh_bits=1024),
    _openssl_old("1.0", "ECDHE-ECDSA-AES128-SHA", key="p-256"),
    _openssl_old("1.0", "AES128-SHA"),
    _openssl_old("1.0", "CAMELLIA128-SHA"),
    _openssl_old("1.0", "SEED-SHA"),
    _openssl_old("1.0", "DHE-RSA-AES128-SHA", dh_bits=2048),
    _openssl_old("1.0", "DHE-DSS-AES256-SHA", key="dsa-1024", dh_bits=1024),
    _openssl_old("1.0", "AES256-SHA", "-verify", "1", name="asks for a client certificate"),
)  # fmt: skip
