"""The flow: one connection of somebody else, as a capture or another tool's log shows it.

What hides behind TLS is not here: capabilities and mechanisms are those of the clear text. Of clients there is
what they can do and, unless it was asked for, not who they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column
from mailcensus.model.grab import Ssh, Tls
from mailcensus.model.outcome import TlsMode

_U8, _U16, _U32, _U64 = pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()


class FlowReader(StrEnum):
    """What a flow was read from."""

    CAPTURE = "capture"
    """Packets."""
    ZEEK = "zeek"
    """Zeek's logs."""


class Sides(StrEnum):
    """Whose bytes of a connection were seen."""

    BOTH = "both"
    CLIENT = "client"
    SERVER = "server"
    NONE = "none"
    """Nobody's: the connection was opened, or tried, and nothing was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """What a TLS client offered. Codes as on the wire, GREASE (RFC 8701) among them.

    A log tells of it the name asked for and fingerprints at most: the rest is null then.
    """

    legacy_version: Annotated[
        int | None, Column("the version field of the hello itself; null: the log does not say", _U16)
    ] = None
    record_version: Annotated[
        int | None, Column("the version in the header of its record; null: a hello of SSLv2", _U16)
    ] = None
    versions: Annotated[
        tuple[int, ...] | None,
        Column(
            "supported_versions, client's order; null: no such extension, `legacy_version` is the highest",
            _U16,
        ),
    ] = None
    cipher_suites: Annotated[
        tuple[int, ...] | None,
        Column(
            "suites, client's order; those of three bytes are in `sslv2_ciphers`; null: the log does not say",
            _U16,
        ),
    ] = None
    sslv2_ciphers: Annotated[
        tuple[int, ...] | None, Column("cipher kinds of an SSLv2 hello; null: it was none", _U32)
    ] = None
    compressions: Annotated[
        tuple[int, ...] | None, Column("compression methods; null: the log does not say", _U8)
    ] = None
    extensions: Annotated[
        tuple[int, ...] | None, Column("extensions in the order sent; null: none at all", _U16)
    ] = None
    sni: Annotated[str | None, Column("server name asked for; null: none")] = None
    alpn: Annotated[tuple[str, ...] | None, Column("protocols offered by ALPN; null: no such extension")] = (
        None
    )
    groups: Annotated[tuple[int, ...] | None, Column("supported_groups, client's order", _U16)] = None
    point_formats: Annotated[tuple[int, ...] | None, Column("ec_point_formats", _U8)] = None
    signature_schemes: Annotated[
        tuple[int, ...] | None, Column("signature_algorithms, client's order", _U16)
    ] = None
    key_shares: Annotated[tuple[int, ...] | None, Column("groups a key share was sent for", _U16)] = None
    psk_offered: Annotated[
        bool | None,
        Column("a pre_shared_key was offered, RFC 8446 section 4.2.11; null: the log does not say"),
    ] = None
    ticket_bytes: Annotated[
        int | None, Column("length of the session ticket sent, RFC 5077; null: no such extension", _U32)
    ] = None
    session_id_bytes: Annotated[
        int | None, Column("length of the session id sent; null: the log does not say", _U8)
    ] = None
    ja3: Annotated[str | None, Column("JA3 fingerprint, MD5 hex; null: the log does not say")] = None
    ja4: Annotated[str | None, Column("JA4 fingerprint; null: the log does not say")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SshClient:
    """What an SSH client said in the clear."""

    identification: Annotated[str | None, Column("identification line without its end")] = None
    protocol_version: Annotated[str | None, Column("protoversion of the identification")] = None
    software: Annotated[str | None, Column("softwareversion of the identification")] = None
    kex_algorithms: Annotated[tuple[str, ...] | None, Column("key exchange, client's order")] = None
    host_key_algorithms: Annotated[tuple[str, ...] | None, Column("host key algorithms, client's order")] = (
        None
    )
    ciphers_client_to_server: Annotated[tuple[str, ...] | None, Column("encryption, client to server")] = None
    macs_client_to_server: Annotated[tuple[str, ...] | None, Column("MAC, client to server")] = None
    compression_client_to_server: Annotated[
        tuple[str, ...] | None, Column("compression, client to server")
    ] = None
    hassh: Annotated[str | None, Column("HASSH of the client's KEXINIT, MD5 hex")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SshAgreed:
    """What both sides of an SSH connection agreed on (RFC 4253 section 7.1). Null: nothing in common."""

    kex: Annotated[str | None, Column("key exchange")] = None
    host_key: Annotated[str | None, Column("host key algorithm")] = None
    cipher_client_to_server: Annotated[str | None, Column("encryption, client to server")] = None
    cipher_server_to_client: Annotated[str | None, Column("encryption, server to client")] = None
    mac_client_to_server: Annotated[str | None, Column("MAC, client to server; not used by AEAD ciphers")] = (
        None
    )
    mac_server_to_client: Annotated[str | None, Column("MAC, server to client")] = None
    compression_client_to_server: Annotated[str | None, Column("compression, client to server")] = None
    compression_server_to_client: Annotated[str | None, Column("compression, server to client")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One TCP connection between a client and a server, seen and not asked.

    Unknown is never "no": a field is null when nobody said it where we could read, false or empty only when somebody
    did.
    """

    run_id: Annotated[str, Column("the run that read it")]
    reader: Annotated[FlowReader, Column("what it was read from: capture, zeek")]
    source: Annotated[
        str, Column("name of the file; `-` for standard input, the name of an interface when live")
    ]
    uid: Annotated[str | None, Column("the connection's name in Zeek's logs; null: from a capture")] = None
    started_at: Annotated[datetime, Column("the first packet, or what the log says")]
    duration_ms: Annotated[
        float | None, Column("to the last packet; of a capture: to where reading ended; null: not known")
    ] = None
    client: Annotated[
        str | None,
        Column(
            "the client as --clients says: null (drop), 32 hex digits of a keyed hash (hash), its address (keep)"
        ),
    ] = None
    client_port: Annotated[int | None, Column("the client's port; null unless --clients keep", _U16)] = None
    ip: Annotated[str, Column("address of the server")]
    port: Annotated[int, Column("port of the server", _U16)]
    service: Annotated[str | None, Column("row of the services table that has this port; null: none")] = None
    protocol: Annotated[
        str | None,
        Column(
            "what was spoken before TLS or without it, as its bytes say; of implicit TLS as the port says"
        ),
    ] = None
    tls_mode: Annotated[
        TlsMode | None, Column("how TLS started; none: the connection stayed in the clear; null: not known")
    ] = None
    sides: Annotated[Sides, Column("whose bytes were seen: both, client, server, none")]
    from_start: Annotated[
        bool | None, Column("the connection was seen from its first packet on; null: the log does not say")
    ] = None
    cut: Annotated[
        str | None,
        Column(
            "why less was read than was said: gap, limit, snaplen, end (of the capture), idle, sampled; null: all was"
        ),
    ] = None
    error: Annotated[str | None, Column("what could not be read, in one line, without a client's words")] = (
        None
    )
    packets: Annotated[
        int | None,
        Column("packets seen, both sides; of a capture: those with payload, to where reading ended", _U64),
    ] = None
    bytes_from_client: Annotated[
        int | None, Column("TCP payload of the client; of a capture: to where reading ended", _U64)
    ] = None
    bytes_from_server: Annotated[
        int | None, Column("TCP payload of the server; of a capture: to where reading ended", _U64)
    ] = None
    bytes_missed: Annotated[
        int | None, Column("bytes known to be missing in what was read; null: not known", _U64)
    ] = None
    greeting: Annotated[
        str | None, Column("the server's greeting; addresses in it other than its own are replaced")
    ] = None
    software: Annotated[str | None, Column("product named by the greeting")] = None
    software_version: Annotated[str | None, Column("its version")] = None
    os: Annotated[str | None, Column("operating system it names")] = None
    capabilities_before: Annotated[tuple[str, ...] | None, Column("capability lines before TLS, as sent")] = (
        None
    )
    auth_before: Annotated[
        tuple[str, ...] | None, Column("authentication mechanisms before TLS, server's order")
    ] = None
    login_disabled: Annotated[
        bool | None,
        Column("IMAP: LOGINDISABLED was among the capabilities before TLS; null: not IMAP, or unknown"),
    ] = None
    starttls_offered: Annotated[bool | None, Column("STARTTLS was among the capabilities")] = None
    starttls_asked: Annotated[
        bool | None, Column("the client asked for STARTTLS; null: its side was not read that far")
    ] = None
    starttls_accepted: Annotated[bool | None, Column("the server agreed to start TLS")] = None
    upgraded: Annotated[
        bool | None,
        Column(
            "TLS was established behind STARTTLS; false: the connection went on or ended without; null: not known"
        ),
    ] = None
    client_mechanism: Annotated[
        str | None,
        Column(
            "mechanism by which the client authenticated in the clear, the name only: SASL's, or USER, APOP (POP3), "
            "IMAP LOGIN, PASS (IRC), IQ AUTH (XMPP); null: none was seen"
        ),
    ] = None
    established: Annotated[
        bool | None,
        Column("TLS was established: both sides went on to encrypted data; null: no TLS, or not known"),
    ] = None
    resumed: Annotated[bool | None, Column("TLS resumed an earlier session; null: no TLS, or not known")] = (
        None
    )
    client_hello: Annotated[ClientHello | None, Column("the client's last ClientHello; null: none read")] = (
        None
    )
    client_alert: Annotated[str | None, Column("name of the alert the client sent in the clear")] = None
    last_alert: Annotated[str | None, Column("name of the last alert in the clear, whoever sent it")] = None
    client_cert_sent: Annotated[
        bool | None, Column("the client showed a certificate; null: unknown, as always in TLS 1.3")
    ] = None
    tls: Annotated[
        Tls | None,
        Column(
            "what the server said in TLS, as in `grabs`; `sni` is the client's; null: no byte of TLS came from it"
        ),
    ] = None
    leaf_subject: Annotated[str | None, Column("subject of the first certificate, RFC 4514")] = None
    leaf_issuer: Annotated[str | None, Column("its issuer, RFC 4514")] = None
    validation: Annotated[str | None, Column("Zeek's own verdict on the chain (validation_status)")] = None
    tls_history: Annotated[str | None, Column("Zeek's ssl_history; null: from a capture")] = None
    ssh: Annotated[
        Ssh | None, Column("what the server said in SSH, as in `grabs`; `kex_used` is what both use")
    ] = None
    ssh_client: Annotated[SshClient | None, Column("what the client said in SSH")] = None
    ssh_agreed: Annotated[SshAgreed | None, Column("what they agreed on; null: not both sides read")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How often something was met while reading a source."""

    name: Annotated[str, Column("what was counted")]
    count: Annotated[int, Column("how often", _U64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSource:
    """One file, stream or interface that flows were read from, and what else was in it."""

    run_id: Annotated[str, Column("the run that read it")]
    reader: Annotated[FlowReader, Column("capture, zeek")]
    source: Annotated[str, Column("as in `flows`")]
    kind: Annotated[str, Column("pcap or pcapng; of Zeek the log's name, e.g. ssl")]
    read_at: Annotated[datetime, Column("when reading began")]
    first_at: Annotated[datetime | None, Column("time of the first packet or row; null: it has none")] = None
    last_at: Annotated[datetime | None, Column("time of the last one")] = None
    records: Annotated[int, Column("packets or rows", _U64)] = 0
    bytes: Annotated[int, Column("bytes read, decompressed", _U64)] = 0
    flows: Annotated[int, Column("rows of `flows` that came of it", _U64)] = 0
    clients: Annotated[str, Column("what became of client addresses: drop, hash, keep")]
    counts: Annotated[
        tuple[Count, ...],
        Column("everything that was passed over, could not be read or was dropped, by name"),
    ] = ()
    error: Annotated[str | None, Column("why reading ended early; null: it did not")] = None
