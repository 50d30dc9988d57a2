"""`openssl s_client`, `gnutls-cli` and tlslite-ng as oracles for one TLS handshake."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tlslite.api import TLSConnection  # type: ignore[import-untyped]
from tlslite.constants import CipherSuite  # type: ignore[import-untyped]
from tlslite.errors import BaseTLSException  # type: ignore[import-untyped]
from tlslite.handshakesettings import ALL_CURVE_NAMES  # type: ignore[import-untyped]

from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import GROUPS, SIGNATURE_SCHEMES, TLS_1_3, VERSIONS
from mailcensus.wire.tls.hello import HelloProfile
from oracles.facts import Fact, Facts, NoAnswer
from oracles.openssl import openssl_names
from realservers.tlslite import handshake_settings

_TIMEOUT_S = 20
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", re.DOTALL)
_OPENSSL_VERSIONS = {"TLSv1": "TLSv1.0"}
_OPENSSL_GROUPS = {"x25519": "X25519", "x448": "X448", "secp256r1": "P-256", "secp384r1": "P-384",
                   "secp521r1": "P-521", "ffdhe2048": "ffdhe2048", "ffdhe3072": "ffdhe3072",
                   "ffdhe4096": "ffdhe4096"}  # fmt: skip
_OPENSSL_KEYS = {"X25519": "x25519", "X448": "x448", "ECDH, prime256v1": "secp256r1",
                 "ECDH, secp384r1": "secp384r1", "ECDH, secp521r1": "secp521r1"}  # fmt: skip
"""As s_client names the server's temporary key."""
_SIGNATURE_TYPES = {"RSA-PSS": "rsa_pss", "RSA": "rsa_pkcs1", "ECDSA": "ecdsa", "DSA": "dsa",
                    "Ed25519": "ed25519", "Ed448": "ed448"}  # fmt: skip
_GNUTLS_GROUPS = ("x25519", "x448", "secp256r1", "secp384r1", "secp521r1", "ffdhe2048", "ffdhe3072",
                  "ffdhe4096")  # fmt: skip
_GNUTLS_PRIORITY = (
    # in our own order, since a server of GnuTLS follows its client's
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
    "+AES-128-CCM:+AES-256-CCM:+AES-128-CBC:+AES-256-CBC:+CAMELLIA-128-CBC:+CAMELLIA-256-CBC:+3DES-CBC:"
    "+ARCFOUR-128:+AES-128-CCM-8:+AES-256-CCM-8:+CAMELLIA-128-GCM:+CAMELLIA-256-GCM:+ECDHE-ECDSA:+ECDHE-RSA:"
    "+DHE-RSA:+DHE-DSS:+RSA:+AEAD:+SHA256:+SHA384:+SHA1:+MD5:+SIGN-ALL:+SIGN-RSA-SHA1:+SIGN-DSA-SHA256:"
    "+SIGN-DSA-SHA1:+CTYPE-X509:+COMP-NULL:%COMPAT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One TLS server, and how to get to its TLS."""

    address: str
    port: int
    starttls: str | None = None
    """As s_client and gnutls-cli call the protocol; None: TLS from the first byte."""
    server_name: str | None = None
    alpn: str | None = None


def s_client(target: Target, offer: HelloProfile) -> Facts:
    """What `openssl s_client` sees when it offers the same as we do, as far as it has it.

    Raises:
        NoAnswer: it got no handshake.
    """
    command = ["openssl", "s_client", "-connect", f"{target.address}:{target.port}", "-showcerts", "-status"]
    highest = "TLSv1.3" if offer.versions[0] >= TLS_1_3 else "TLSv1.2"
    command += [
        "-min_protocol",
        "TLSv1",
        "-max_protocol",
        highest,
        "-provider",
        "default",
        "-provider",
        "legacy",
    ]
    if offer.versions[0] >= TLS_1_3:
        command += ["-ciphersuites", ":".join(name for name in _suites(offer) if "_WITH_" not in name)]
    known = ":".join(openssl_suites()[name] for name in _suites(offer) if name in openssl_suites())
    command += ["-cipher", f"{known}:@SECLEVEL=0"]
    groups = [_OPENSSL_GROUPS[name] for code in offer.groups if (name := GROUPS[code]) in _OPENSSL_GROUPS]
    command += ["-groups", ":".join(groups), "-sigalgs", _sigalgs(offer)]
    command += ["-servername", target.server_name] if target.server_name else ["-noservername"]
    if target.alpn is not None:
        command += ["-alpn", target.alpn]
    if target.starttls is not None:
        command += ["-starttls", target.starttls]
        if target.server_name and target.starttls.startswith("xmpp"):
            command += ["-xmpphost", target.server_name]
    shown = _run(command)
    negotiated = re.search(r"New, (\S+), Cipher is (\S+)", shown)
    if negotiated is None or negotiated[2] == "(NONE)":
        raise NoAnswer(_error(shown))
    return {**_openssl_handshake(shown), **_openssl_extras(shown)}


@cache
def openssl_suites() -> dict[str, str]:
    """IANA name to OpenSSL's own, those of the legacy provider included."""
    command = "openssl ciphers -stdname -provider default -provider legacy ALL:COMPLEMENTOFALL:@SECLEVEL=0"
    rows = (line.split() for line in _run(command.split()).splitlines())
    return {**openssl_names(), **{row[0]: row[2] for row in rows if "_WITH_" in row[0]}}


def _openssl_handshake(shown: str) -> dict[str, Fact]:
    found = re.search(r"New, (\S+), Cipher is (\S+)", shown)
    assert found is not None
    # `New, TLSv1.2` may name the version that brought the suite; the session says which it is.
    session = re.search(r"^ *Protocol *: (\S+)$", shown, re.MULTILINE)
    version = session[1] if session else found[1]
    iana = {openssl: name for name, openssl in openssl_suites().items()}
    facts: dict[str, Fact] = {
        "version": _OPENSSL_VERSIONS.get(version, version),
        "suite": iana.get(found[2], found[2]),
        **_chain(_PEM.findall(shown)),
    }
    key = re.search(r"(?:Server|Peer) Temp Key: (.*), (\d+) bits", shown)
    if key is not None and key[1] == "DH":
        facts["group" if version == "TLSv1.3" else "dh_bits"] = (
            f"ffdhe{key[2]}" if version == "TLSv1.3" else int(key[2])
        )
    elif key is not None:
        facts["group"] = _OPENSSL_KEYS.get(key[1], key[1])
    return facts


def _openssl_extras(shown: str) -> dict[str, Fact]:
    alpn = re.search(r"^ALPN protocol: (\S+)", shown, re.MULTILINE)
    status = re.search(r"Cert Status: (\S+)", shown)
    facts: dict[str, Fact] = {
        "alpn": alpn[1] if alpn else None,
        "ocsp": status[1] if status else None,
        "client_certificate": "Requested Signature Algorithms" in shown
        or "Client Certificate Types" in shown,
    }
    if "Protocol  : TLSv1.3" not in shown and "New, TLSv1.3" not in shown:
        facts["secure_renegotiation"] = "Secure Renegotiation IS supported" in shown
        facts["extended_master_secret"] = "Extended master secret: yes" in shown
        facts["session_ticket"] = "TLS session ticket:" in shown
    if re.search(r"Protocol *: TLSv1(\.1)?$", shown, re.MULTILINE):
        return facts  # signatures have no scheme before TLS 1.2
    kind = re.search(r"Peer signature type: (\S+)", shown)
    digest = re.search(r"Peer signing digest: (\S+)", shown)
    if kind is not None:
        name = _SIGNATURE_TYPES.get(kind[1], kind[1])
        facts["signature"] = f"{name} {digest[1].lower()}" if digest else name
    return facts


def _suites(offer: HelloProfile) -> list[str]:
    return [CIPHER_SUITES[code] for code in offer.cipher_suites if code in CIPHER_SUITES]


def _sigalgs(offer: HelloProfile) -> str:
    """OpenSSL's `-sigalgs` in our order; it has no name of its own for PSS with PSS keys but the IANA one."""
    names = []
    for code in offer.signature_schemes:
        name = SIGNATURE_SCHEMES[code]
        kind, _, digest = name.rpartition("_")
        if name in ("ed25519", "ed448") or kind == "rsa_pss_pss":
            names.append(name)
        elif kind:
            family = {"rsa_pkcs1": "RSA", "rsa_pss_rsae": "RSA-PSS", "dsa": "DSA"}.get(kind, "ECDSA")
            names.append(f"{family}+{digest.upper()}")
    return ":".join(names)


def gnutls_cli(target: Target, offer: HelloProfile) -> Facts:
    """What `gnutls-cli` sees when it offers all suites it has, and our groups.

    Raises:
        NoAnswer: it got no handshake.
    """
    with tempfile.TemporaryDirectory() as directory:
        chain, response = Path(directory, "chain.pem"), Path(directory, "ocsp.der")
        groups = [name for code in offer.groups if (name := GROUPS[code]) in _GNUTLS_GROUPS]
        priority = ":".join([_GNUTLS_PRIORITY, *(f"+GROUP-{name.upper()}" for name in groups)])
        command = ["gnutls-cli", "--insecure", "-V", "--dh-bits=512", "--priority", priority]
        command += ["--save-cert", str(chain), "--save-ocsp", str(response), "-p", str(target.port)]
        command += ["--sni-hostname", target.server_name] if target.server_name else ["--disable-sni"]
        if target.alpn is not None:
            command += ["--alpn", target.alpn]
        if target.starttls is not None:
            command += ["--starttls-proto", target.starttls]
        shown = _run([*command, target.address])
        described = re.search(r"- Description: \((TLS[\d.]+)(?:-X.509)?\)-(\S+)", shown)
        if described is None or "Handshake was completed" not in shown:
            raise NoAnswer(_error(shown))
        facts: dict[str, Fact] = {
            "version": described[1].replace("TLS", "TLSv"),
            "suite": _gnutls_suite(described[1], shown),
            **_chain(_PEM.findall(chain.read_text())),
        }
    prime = re.search(r"Using prime: (\d+) bits", shown)
    group = re.search(r"\(ECDHE-([A-Z0-9]+)\)", described[2])
    if group is not None:
        facts["group"] = group[1].lower()
    elif finite := re.search(r"\(DHE-FFDHE(\d+)\)", described[2]):
        in_hello = described[1] == "TLS1.3"  # before, the prime itself goes over the wire, well known or not
        facts["group" if in_hello else "dh_bits"] = f"ffdhe{finite[1]}" if in_hello else int(finite[1])
    elif prime is not None:
        facts["dh_bits"] = int(prime[1])
    alpn = re.search(r"Application protocol: (\S+)", shown)
    facts["alpn"] = alpn[1] if alpn else None
    return facts


def _gnutls_suite(version: str, shown: str) -> str:
    """The IANA name, by the code that GnuTLS's own list gives for exchange, cipher and MAC."""
    exchange = re.search(r"^- Key Exchange: (\S+)", shown, re.MULTILINE)
    cipher = re.search(r"^- Cipher: (\S+)", shown, re.MULTILINE)
    mac = re.search(r"^- MAC: (\S+)", shown, re.MULTILINE)
    assert cipher is not None
    assert mac is not None
    words = [] if version == "TLS1.3" or exchange is None else [exchange[1]]
    words += [cipher[1]] if mac[1] == "AEAD" else [cipher[1], mac[1]]
    name = "_".join(["TLS", *words]).replace("-", "_").replace("_3DES_CBC", "_3DES_EDE_CBC")
    listed = _gnutls_list()
    code = next(listed[each] for each in (name, f"{name}_SHA256", f"{name}_SHA384") if each in listed)
    return CIPHER_SUITES[code]


@cache
def _gnutls_list() -> dict[str, int]:
    rows = re.findall(r"^(TLS_\S+)\s+0x(..), 0x(..)", _run(["gnutls-cli", "--list"]), re.MULTILINE)
    return {name: int(high + low, 16) for name, high, low in rows}


def tlslite_client(target: Target, offer: HelloProfile) -> Facts:
    """What tlslite-ng sees when it offers all suites it has, and our versions and groups.

    Raises:
        NoAnswer: it got no handshake.
    """
    versions = [divmod(version, 256) for version in offer.versions]
    settings = handshake_settings({
        "minVersion": versions[-1],
        "maxVersion": versions[0],
        "versions": versions,
        "cipherNames": ["aes128gcm", "aes256gcm", "chacha20-poly1305", "aes128ccm", "aes256ccm", "aes128ccm_8",
                        "aes256ccm_8", "aes256", "aes128", "3des", "rc4"],
        "macNames": ["sha", "sha256", "sha384", "aead", "md5"],
        "minKeySize": 512,
        "eccCurves": _tlslite_groups(offer.groups),
        "keyShares": _tlslite_groups(offer.key_shares),
    })  # fmt: skip
    try:
        with socket.create_connection((target.address, target.port), _TIMEOUT_S) as end:
            connection = TLSConnection(end)
            connection.handshakeClientCert(
                settings=settings, alpn=[target.alpn.encode()] if target.alpn else None
            )
            connection.write(b"x")
            session = connection.session
    except (OSError, BaseTLSException) as error:
        raise NoAnswer(f"tlslite-ng: {error}") from None
    chain = session.serverCertChain.x509List
    pem = [x509.load_der_x509_certificate(bytes(one.bytes)).public_bytes(Encoding.PEM) for one in chain]
    facts: dict[str, Fact] = {
        "version": VERSIONS[0x0300 + connection.version[1]],
        "suite": CIPHER_SUITES[session.cipherSuite],
        "alpn": session.appProto.decode() if session.appProto else None,
        **_chain([each.decode() for each in pem]),
    }
    if connection.ecdhCurve is not None:
        facts["group"] = GROUPS[connection.ecdhCurve]
    elif session.cipherSuite in CipherSuite.dheCertSuites:
        facts["dh_bits"] = connection.dhGroupSize
    return facts


def _tlslite_groups(groups: Sequence[int]) -> list[str]:
    return [name for code in groups if (name := GROUPS[code].lower()) in ALL_CURVE_NAMES]


def _chain(pem: Sequence[str]) -> dict[str, Fact]:
    """Names of the certificates as sent, and of the leaf's key, by a library of its own."""
    certificates = [x509.load_pem_x509_certificate(each.encode()) for each in pem]
    ders = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    # cryptography writes an RSA-PSS key as plain RSA, which is how keys are named.
    spki = certificates[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "chain": tuple(hashlib.sha256(der).hexdigest() for der in ders),
        "key": hashlib.sha256(spki).hexdigest(),
    }


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
        timeout=_TIMEOUT_S,
    )
    return done.stdout + done.stderr


def _error(shown: str) -> str:
    """The line of a client's talk that says why."""
    lines = [line for line in shown.splitlines() if re.search(r"error|alert|fail|unknown|\*\*\*", line, re.I)]
    return lines[-1] if lines else "no handshake"
