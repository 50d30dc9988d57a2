"""The grab: one observation of one service of one address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column
from mailcensus.model.outcome import Outcome, Stage, TlsMode
from mailcensus.model.quick_records import quickly_made

_U8, _U16, _U32 = pa.uint8(), pa.uint16(), pa.uint32()


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What a TLS server said before and, where we finished, just after the handshake."""

    sni: Annotated[str | None, Column("server name we sent; null: none was sent")] = None
    version: Annotated[int | None, Column("negotiated version as on the wire (0x0303 is TLS 1.2)", _U16)] = (
        None
    )
    version_name: Annotated[str | None, Column("negotiated version, e.g. TLSv1.3")] = None
    cipher_suite: Annotated[int | None, Column("IANA code, known to us or not", _U16)] = None
    cipher_suite_name: Annotated[str | None, Column("IANA name; null: a code we have no name for")] = None
    sslv2_ciphers: Annotated[
        tuple[str, ...] | None,
        Column("cipher kinds of an SSLv2 server; null: not asked for SSLv2, or none spoken"),
    ] = None
    group: Annotated[int | None, Column("key-exchange group, IANA code", _U16)] = None
    group_name: Annotated[str | None, Column("key-exchange group, IANA name")] = None
    dh_bits: Annotated[int | None, Column("size of the server's DH prime, in bits", _U32)] = None
    dh_prime_sha256: Annotated[str | None, Column("SHA-256 over the DH prime, big-endian, hex")] = None
    dh_prime_name: Annotated[
        str | None,
        Column("name of a prime that everybody knows, e.g. modp1024, ffdhe2048; null: it is another one"),
    ] = None
    signature_scheme: Annotated[
        int | None, Column("scheme of the server's own signature (SKE or CertificateVerify), IANA code", _U16)
    ] = None
    signature_scheme_name: Annotated[str | None, Column("scheme of the server's signature, IANA name")] = None
    signature_verified: Annotated[
        bool | None,
        Column(
            "the server's signature over the handshake is right; null: none was made, or it was not checked"
        ),
    ] = None
    alpn: Annotated[str | None, Column("protocol chosen by ALPN")] = None
    extensions: Annotated[
        tuple[int, ...] | None, Column("ServerHello then EncryptedExtensions codes, in the order sent", _U16)
    ] = None
    extended_master_secret: Annotated[bool | None, Column("the server agreed to RFC 7627")] = None
    secure_renegotiation: Annotated[bool | None, Column("the server sent renegotiation_info, RFC 5746")] = (
        None
    )
    session_ticket: Annotated[bool | None, Column("the server promised or sent a session ticket")] = None
    heartbeat: Annotated[bool | None, Column("the server sent the heartbeat extension, RFC 6520")] = None
    compression: Annotated[int | None, Column("compression method chosen; 0 is none", _U8)] = None
    hello_retry: Annotated[bool | None, Column("the server sent a HelloRetryRequest")] = None
    client_cert_requested: Annotated[bool | None, Column("the server asked for a client certificate")] = None
    ocsp_stapled: Annotated[bool | None, Column("an OCSP response was stapled to the leaf")] = None
    ocsp_status: Annotated[
        str | None, Column("status inside the stapled response: good, revoked, unknown")
    ] = None
    sct_count: Annotated[
        int | None, Column("SCTs delivered in the handshake (not those in the certificate)", _U16)
    ] = None
    ja3s: Annotated[str | None, Column("JA3S fingerprint of the server's answer, MD5 hex")] = None
    ja4s: Annotated[str | None, Column("JA4S fingerprint of the server's answer")] = None
    record_bytes: Annotated[
        int | None, Column("length of the longest record the server sent while it shook hands", _U16)
    ] = None
    alert: Annotated[
        str | None, Column("name of the alert the server sent; unknown codes as their number")
    ] = None
    chain: Annotated[tuple[str, ...] | None, Column("SHA-256 of each certificate, hex, exactly as sent")] = (
        None
    )
    leaf_sha256: Annotated[str | None, Column("SHA-256 of the first certificate, hex")] = None
    spki_sha256: Annotated[str | None, Column("canonical key of the first certificate")] = None
    finished: Annotated[
        bool, Column("both Finished messages were exchanged and the server's one verified")
    ] = False
    unfinished_reason: Annotated[str | None, Column("why the handshake was not finished")] = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class SshHostKey:
    """One host key an SSH server showed."""

    algorithm: Annotated[str, Column("host key algorithm of the key blob, e.g. ssh-ed25519")]
    fingerprint: Annotated[str, Column("SHA256:base64 over the key blob, as ssh-keygen -l prints it")]
    spki_sha256: Annotated[str | None, Column("canonical key; null: a key type that has no SPKI")] = None
    bits: Annotated[int | None, Column("key size in bits", _U32)] = None
    verified: Annotated[
        bool, Column("the server's signature over the exchange hash was checked and is right")
    ] = False


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """What an SSH server said up to its host key."""

    identification: Annotated[
        str | None, Column("identification line without its end, RFC 4253 section 4.2")
    ] = None
    protocol_version: Annotated[str | None, Column("protoversion of the identification: 2.0, 1.99, 1.5")] = (
        None
    )
    software: Annotated[str | None, Column("softwareversion of the identification")] = None
    kex_algorithms: Annotated[tuple[str, ...] | None, Column("key exchange, server's order")] = None
    host_key_algorithms: Annotated[tuple[str, ...] | None, Column("host key algorithms, server's order")] = (
        None
    )
    ciphers_client_to_server: Annotated[tuple[str, ...] | None, Column("encryption, client to server")] = None
    ciphers_server_to_client: Annotated[tuple[str, ...] | None, Column("encryption, server to client")] = None
    macs_client_to_server: Annotated[tuple[str, ...] | None, Column("MAC, client to server")] = None
    macs_server_to_client: Annotated[tuple[str, ...] | None, Column("MAC, server to client")] = None
    compression_client_to_server: Annotated[
        tuple[str, ...] | None, Column("compression, client to server")
    ] = None
    compression_server_to_client: Annotated[
        tuple[str, ...] | None, Column("compression, server to client")
    ] = None
    kex_used: Annotated[str | None, Column("key exchange we used; null: none in common")] = None
    dh_bits: Annotated[
        int | None, Column("size of the prime of a finite-field key exchange, in bits", _U32)
    ] = None
    dh_prime_name: Annotated[
        str | None, Column("name of a prime that everybody knows, e.g. modp2048; null: it is another one")
    ] = None
    hassh_server: Annotated[str | None, Column("HASSH of the server's KEXINIT, MD5 hex")] = None
    host_keys: Annotated[tuple[SshHostKey, ...] | None, Column("host keys shown")] = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """The answer to one HEAD request for the root of an HTTP server."""

    status: Annotated[int | None, Column("status code", _U16)] = None
    server: Annotated[str | None, Column("Server header")] = None
    location: Annotated[str | None, Column("Location header, never followed")] = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Grab:
    """One observation of one service of one address.

    Unknown is never "no": a field is null when it was not asked or not answered, false or empty only when the
    server said so.
    """

    run_id: Annotated[str, Column("the run that asked")]
    vantage: Annotated[str, Column("name of the machine that asked")]
    started_at: Annotated[datetime, Column("when we began to connect")]
    duration_ms: Annotated[float, Column("from the start of connecting to the end of the grab")]
    ip: Annotated[str, Column("address asked")]
    port: Annotated[int, Column("port asked", _U16)]
    service: Annotated[str, Column("row of the services table, e.g. smtp, imaps, ssh")]
    protocol: Annotated[str, Column("protocol spoken, e.g. smtp for smtp, smtps and submission")]
    tls_mode: Annotated[TlsMode, Column("when TLS starts on this service: none, starttls, implicit")]
    attempt: Annotated[int, Column("1 for the first try in this run; higher after rate_limited", _U8)] = 1
    outcome: Annotated[Outcome, Column("how the grab ended")]
    stage: Annotated[Stage, Column("stage it was in when it ended")]
    error: Annotated[
        str | None, Column("what went wrong, in one line; the server's own words where there are any")
    ] = None
    greeting: Annotated[str | None, Column("the server's greeting; bytes that are not UTF-8 as \\xNN")] = None
    software: Annotated[str | None, Column("product named by the greeting or header")] = None
    software_version: Annotated[str | None, Column("its version")] = None
    os: Annotated[str | None, Column("operating system it names")] = None
    capabilities_before: Annotated[tuple[str, ...] | None, Column("capability lines before TLS, as sent")] = (
        None
    )
    auth_before: Annotated[
        tuple[str, ...] | None, Column("authentication mechanisms before TLS, server's order")
    ] = None
    starttls_offered: Annotated[bool | None, Column("STARTTLS was among the capabilities")] = None
    starttls_accepted: Annotated[bool | None, Column("the server agreed to start TLS when asked")] = None
    capabilities_after: Annotated[tuple[str, ...] | None, Column("capability lines behind TLS, as sent")] = (
        None
    )
    auth_after: Annotated[
        tuple[str, ...] | None, Column("authentication mechanisms behind TLS, server's order")
    ] = None
    tls: Annotated[Tls | None, Column("the TLS handshake; null: no byte of TLS came back")] = None
    ssh: Annotated[Ssh | None, Column("the SSH exchange; null: not an SSH service or no SSH spoken")] = None
    http: Annotated[Http | None, Column("the HTTP answer; null: not asked or not answered")] = None
    bytes_in: Annotated[int, Column("bytes received", _U32)] = 0
    bytes_out: Annotated[int, Column("bytes sent", _U32)] = 0
