"""The one table of services: protocol, port, when TLS starts, and who speaks it. A new service is one row."""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.model import TlsMode
from mailcensus.wire.dialogue import Dialogue
from mailcensus.wire.http import HttpDialogue
from mailcensus.wire.imap import ImapDialogue
from mailcensus.wire.irc import IrcDialogue
from mailcensus.wire.lmtp import LmtpDialogue
from mailcensus.wire.managesieve import ManageSieveDialogue
from mailcensus.wire.pop3 import Pop3Dialogue
from mailcensus.wire.smtp import SmtpDialogue
from mailcensus.wire.xmpp import XmppDialogue, XmppServerDialogue

_NONE, _STARTTLS, _IMPLICIT = TlsMode.NONE, TlsMode.STARTTLS, TlsMode.IMPLICIT


@dataclass(frozen=True, slots=True)
class Service:
    """A protocol on its standard port with its way into TLS."""

    name: str
    """How studies, records and commands call it."""
    port: int
    tls_mode: TlsMode
    protocol: str
    """What is spoken: one protocol may be several services."""
    dialogue: type[Dialogue] | None
    """Who speaks it; None: SSH, which is no text dialogue."""
    rfc: str
    """Where its port and its way into TLS are described."""
    alpn: str | None = None
    """The one ALPN protocol offered; None: the extension is not sent."""


# fmt: off
SERVICES: tuple[Service, ...] = (
    #       name            port  TLS        protocol       dialogue             described in  ALPN
    Service("smtp",           25, _STARTTLS, "smtp",        SmtpDialogue,        "RFC 3207"),
    Service("smtps",         465, _IMPLICIT, "smtp",        SmtpDialogue,        "RFC 8314"),
    Service("submission",    587, _STARTTLS, "smtp",        SmtpDialogue,        "RFC 6409"),
    Service("pop3",          110, _STARTTLS, "pop3",        Pop3Dialogue,        "RFC 2595"),
    Service("pop3s",         995, _IMPLICIT, "pop3",        Pop3Dialogue,        "RFC 8314"),
    Service("imap",          143, _STARTTLS, "imap",        ImapDialogue,        "RFC 9051"),
    Service("imaps",         993, _IMPLICIT, "imap",        ImapDialogue,        "RFC 8314"),
    Service("https",         443, _IMPLICIT, "http",        HttpDialogue,        "RFC 9112",   "http/1.1"),
    Service("ssh",            22, _NONE,     "ssh",         None,                "RFC 4253"),
    Service("irc",          6667, _STARTTLS, "irc",         IrcDialogue,         "IRCv3 tls"),
    Service("ircs",         6697, _IMPLICIT, "irc",         IrcDialogue,         "RFC 7194"),
    Service("xmpp-client",  5222, _STARTTLS, "xmpp",        XmppDialogue,        "RFC 6120"),
    Service("xmpp-server",  5269, _STARTTLS, "xmpp",        XmppServerDialogue,  "RFC 6120"),
    Service("xmpps-client", 5223, _IMPLICIT, "xmpp",        XmppDialogue,        "XEP-0368",   "xmpp-client"),
    Service("xmpps-server", 5270, _IMPLICIT, "xmpp",        XmppServerDialogue,  "XEP-0368",   "xmpp-server"),
    Service("managesieve",  4190, _STARTTLS, "managesieve", ManageSieveDialogue, "RFC 5804"),
    Service("lmtp",           24, _STARTTLS, "lmtp",        LmtpDialogue,        "RFC 2033"),
)
# fmt: on

SERVICE_BY_NAME: dict[str, Service] = {service.name: service for service in SERVICES}


def port_pair_label(a: str, b: str) -> str:
    """Two services by their standard ports, smaller first: `22-25` for ("smtp", "ssh").

    Raises:
        KeyError: no such service.
    """
    low, high = sorted((SERVICE_BY_NAME[a].port, SERVICE_BY_NAME[b].port))
    return f"{low}-{high}"
