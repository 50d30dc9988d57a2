"""zgrab2's handshake log (zcrypto's ServerHandshake) as our record of TLS."""

from __future__ import annotations

import hashlib

from mailcensus.dataset.imports.json_fields import Fields, fields, flag, inner, octets, text, whole
from mailcensus.model import Tls
from mailcensus.wire.certificates import certificate_spki
from mailcensus.wire.dh_primes import name_of_prime
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import GROUPS, VERSIONS

_U16 = 0xFFFF
_MOST_CERTIFICATES = 32
_MOST_DER_BYTES = 1 << 20


def tls_record(log: Fields) -> tuple[Tls | None, tuple[bytes, ...]]:
    """The record of a handshake log, and the certificates as sent; None where the server said nothing of TLS.

    What zgrab2 does not write stays null. `server_hello.version` is 1.2 for 1.3 too; what counts is the supported
    version that the server selected (RFC 8446 section 4.2.1).
    """
    hello = fields(log.get("server_hello"))
    if not hello:
        return None, ()
    selected = whole(inner(hello, "supported_versions", "selected_version").get("value"), _U16)
    version = selected or whole(inner(hello, "version").get("value"), _U16)
    suite = whole(inner(hello, "cipher_suite").get("value"), _U16)
    chain = _chain(fields(log.get("server_certificates")))
    hashes = tuple(hashlib.sha256(der).hexdigest() for der in chain)
    key_exchange = fields(log.get("server_key_exchange"))
    group = whole(inner(key_exchange, "ecdh_params", "curve_id").get("id"), _U16)
    prime = octets(inner(key_exchange, "dh_params", "prime").get("value"))
    finished = "server_finished" in log
    tls = Tls(
        sni=text(fields(log.get("client_hello")).get("server_name")),
        version=version,
        version_name=None if version is None else VERSIONS.get(version),
        cipher_suite=suite,
        cipher_suite_name=None if suite is None else CIPHER_SUITES.get(suite),
        group=group,
        group_name=None if group is None else GROUPS.get(group),
        dh_bits=None if prime is None else int.from_bytes(prime, "big").bit_length(),
        dh_prime_sha256=None if prime is None else hashlib.sha256(prime.lstrip(b"\0")).hexdigest(),
        dh_prime_name=None if prime is None else name_of_prime(prime),
        signature_verified=flag(inner(key_exchange, "signature").get("valid")),
        extended_master_secret=flag(hello.get("extended_master_secret")),
        secure_renegotiation=flag(hello.get("secure_renegotiation")),
        session_ticket=flag(hello.get("ticket")),
        heartbeat=flag(hello.get("heartbeat")),
        compression=whole(hello.get("compression_method"), 0xFF),
        ocsp_stapled=flag(hello.get("ocsp_stapling")),
        chain=hashes or None,
        leaf_sha256=hashes[0] if hashes else None,
        spki_sha256=_key_of(chain[0]) if chain else None,
        finished=finished,
        unfinished_reason=None if finished else "the file has no server_finished",
    )
    return tls, chain


def _chain(certificates: Fields) -> tuple[bytes, ...]:
    listed = certificates.get("chain")
    rest = listed[: _MOST_CERTIFICATES - 1] if isinstance(listed, list) else []
    sent = [octets(fields(one).get("raw")) for one in (certificates.get("certificate"), *rest)]
    return tuple(der for der in sent if der and len(der) <= _MOST_DER_BYTES)


def _key_of(leaf: bytes) -> str | None:
    spki = certificate_spki(leaf)
    return None if spki is None else hashlib.sha256(spki).hexdigest()
