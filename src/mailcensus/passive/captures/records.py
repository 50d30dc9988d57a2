"""A connection that ended, as a row of `flows` and the certificates and keys it showed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from mailcensus.model import Flow, FlowReader, TlsMode
from mailcensus.passive.captures.connections import Connection
from mailcensus.passive.clients import Clients
from mailcensus.passive.watch.conversation import ConversationWatch
from mailcensus.passive.watch.side import Side
from mailcensus.passive.watch.ssh import SshSeen
from mailcensus.passive.watch.text import without_addresses
from mailcensus.passive.watch.tls import TlsSeen
from mailcensus.wire.certificates import parse_certificate
from mailcensus.wire.exchange import Findings
from mailcensus.wire.services import Service
from mailcensus.wire.software import identify_server

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TLS = TlsSeen(None, None, (), False, None, None, None, None)
_NO_SSH = SshSeen(None, None, None, None, ())


def time_of(at_ns: int) -> datetime:
    """Nanoseconds since the Unix epoch as a time, to the microsecond."""
    return _EPOCH + timedelta(microseconds=at_ns // 1_000)


def flow_of(
    connection: Connection, cut: str | None, run_id: str, clients: Clients, service: Service | None
) -> tuple[Flow, tuple[bytes, ...], tuple[bytes, ...]]:
    """The row, certificates (DER, leaf first) and canonical keys of SSH."""
    talk = connection.conversation
    tls = talk.tls.seen() if talk.tls is not None else _NO_TLS
    ssh = talk.ssh.seen() if talk.ssh is not None else _NO_SSH
    findings = talk.text.findings if talk.text is not None else Findings(greeting=ssh.greeting, ssh=ssh.ssh)
    ip, port = connection.server
    if findings.greeting is not None:
        findings.greeting = without_addresses(findings.greeting, ip)
    software = identify_server(talk.protocol, findings) if talk.protocol is not None else None
    subject, issuer = _names(tls.chain[0]) if tls.chain else (None, None)
    established = _established(connection, cut, tls)
    flow = Flow(
        run_id=run_id,
        reader=FlowReader.CAPTURE,
        source=connection.source,
        started_at=time_of(connection.started_ns),
        duration_ms=(connection.last_ns - connection.started_ns) / 1e6,
        client=clients.name(connection.client[0]),
        client_port=connection.client[1] if clients.keeps_ports else None,
        ip=ip,
        port=port,
        service=service.name if service is not None else None,
        protocol=talk.protocol,
        tls_mode=talk.tls_mode,
        sides=talk.sides,
        from_start=connection.from_start,
        cut=cut,
        error=talk.error,
        packets=connection.packets,
        bytes_from_client=connection.sent[Side.CLIENT],
        bytes_from_server=connection.sent[Side.SERVER],
        greeting=findings.greeting,
        software=software.product if software else None,
        software_version=software.version if software else None,
        os=software.os if software else None,
        capabilities_before=findings.capabilities_before,
        auth_before=findings.auth_before,
        login_disabled=_login_disabled(talk),
        starttls_offered=findings.starttls_offered,
        starttls_asked=_asked(connection, cut),
        starttls_accepted=_accepted(talk),
        upgraded=_upgraded(connection, cut, established),
        client_mechanism=talk.text.mechanism if talk.text is not None else None,
        established=established,
        resumed=tls.resumed,
        client_hello=tls.client_hello,
        client_alert=tls.client_alert,
        last_alert=tls.last_alert,
        client_cert_sent=tls.client_cert_sent,
        tls=tls.tls,
        leaf_subject=subject,
        leaf_issuer=issuer,
        ssh=ssh.ssh,
        ssh_client=ssh.client,
        ssh_agreed=ssh.agreed,
    )
    return flow, tls.chain, ssh.keys


@lru_cache(maxsize=4_096)
def _names(leaf: bytes) -> tuple[str | None, str | None]:
    certificate = parse_certificate(leaf)
    return certificate.subject, certificate.issuer


def _established(connection: Connection, cut: str | None, tls: TlsSeen) -> bool | None:
    """No only where both sides were seen to the end of it."""
    if connection.conversation.tls is None:
        return None
    if tls.established:
        return True
    return False if cut is None and connection.conversation.sides == "both" else None


def _login_disabled(talk: ConversationWatch) -> bool | None:
    if talk.protocol != "imap" or talk.text is None or talk.text.findings.capabilities_before is None:
        return None
    return any(item.upper() == "LOGINDISABLED" for item in talk.text.findings.capabilities_before)


def _asked(connection: Connection, cut: str | None) -> bool | None:
    text = connection.conversation.text
    if text is None:
        return None
    if text.starttls_asked:
        return True
    complete = cut is None and connection.from_start and text.error is None and text.client_spoke
    return False if complete and connection.conversation.tls is None else None


def _accepted(talk: ConversationWatch) -> bool | None:
    if talk.text is None:
        return None
    by_deed = (
        talk.tls is not None and talk.text.starttls_asked and talk.text.findings.starttls_accepted is None
    )
    return True if by_deed else talk.text.findings.starttls_accepted


def _upgraded(connection: Connection, cut: str | None, established: bool | None) -> bool | None:
    talk = connection.conversation
    if talk.text is None:
        return None
    if talk.tls_mode is TlsMode.STARTTLS:
        return established
    if talk.text.through and talk.text.error is None:
        return False  # logged in or went on in the clear
    return False if _asked(connection, cut) is not None and cut is None else None
