"""What clients say, as far as a census wants to know: that they ask for TLS, and by which mechanism they log in.

Nothing else leaves these readers. Names, addresses, tags, arguments and secrets are read to find the ends of lines,
and forgotten; a mechanism is one of a list, or OTHER, since a broken client may put anything in its place. Errors
say what kind they are and quote nothing.

    protocol      asks for TLS     logs in by                             goes on in the clear by
    smtp, lmtp    STARTTLS         AUTH x                                 MAIL, RCPT, DATA, BDAT
    pop3          STLS             USER, APOP, AUTH x                     STAT, LIST, RETR, ...
    imap          STARTTLS         LOGIN, AUTHENTICATE x                  SELECT, EXAMINE, LIST, STATUS, ...
    managesieve   STARTTLS         AUTHENTICATE "x"                       PUTSCRIPT, LISTSCRIPTS, ...
    irc           STARTTLS         PASS, AUTHENTICATE x                   JOIN, PRIVMSG, NOTICE, MODE
    xmpp          <starttls/>      <auth mechanism=x/>, jabber:iq:auth    <message/>, <presence/>, <db:result/>, ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from mailcensus.wire.errors import LimitExceeded, ProtocolError, WireError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.lines import Lines
from mailcensus.wire.xml_stream import Element, StreamReader

OTHER = "OTHER"
"""A mechanism that is not on the list."""

# IANA's registry of SASL mechanisms, and those that are in use without being in it
_NAMES = """
9798-M-DSA-SHA1 9798-M-ECDSA-SHA1 9798-M-RSA-SHA1-ENC 9798-U-DSA-SHA1 9798-U-ECDSA-SHA1 9798-U-RSA-SHA1-ENC
ANONYMOUS ATOKEN CLIENTTOKEN CLIENT_CERT CRAM-MD5 DIGEST-MD5 EAP-AES128 EAP-AES128-PLUS ECDH-X25519-CHALLENGE
ECDSA-NIST256P-CHALLENGE EXTERNAL GS2-IAKERB GS2-IAKERB-PLUS GS2-KRB5 GS2-KRB5-PLUS GSS-SPNEGO GSSAPI
HT-SHA-256-ENDP HT-SHA-256-EXPR HT-SHA-256-NONE HT-SHA-256-UNIQ KERBEROS_V4 KERBEROS_V5 LOGIN MD5 MSN MSNP
NMAS-SAMBA-AUTH NMAS_AUTHEN NMAS_LOGIN NTLM OAUTH10A OAUTHBEARER OPENID20 OTP PLAIN PLAIN-CLIENTTOKEN PTOKEN
SAML20 SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS SCRAM-SHA-512 SCRAM-SHA-512-PLUS SECURID
SKEY SPNEGO SPNEGO-PLUS SXOVER-PLUS WEBEX-TOKEN WETOKEN X-FACEBOOK-PLATFORM X-GOOGLE-TOKEN X-MESSENGER-OAUTH2
X-OAUTH2 XIMSS XMPP-REMOTE-AUTH XOAUTH XOAUTH2 XYMCOOKIE XYMCOOKIEB64 XYMECOOKIE
"""
MECHANISMS = frozenset(_NAMES.split())


class Says(Enum):
    """What a command comes to."""

    CAPABILITIES = auto()
    """What can you do? EHLO, CAPA, CAPABILITY, CAP LS, a stream header."""
    STARTTLS = auto()
    LOGS_IN = auto()
    """By `mechanism`; whatever follows is no longer read."""
    GOES_ON = auto()
    """Uses the service in the clear."""
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Said:
    """One command of a client."""

    what: Says
    mechanism: str | None = None
    long_answer: bool = False
    """POP3: if the answer is yes, it has many lines."""


class ClientReader(ABC):
    """Bytes of one client in, what it says out. Pulled like `wire.lines.LineReader`."""

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Store what arrived."""

    @abstractmethod
    def next(self) -> Said | None:
        """The next command; None: it has not all arrived yet.

        Raises:
            ProtocolError: not the protocol. It quotes nothing.
            LimitExceeded: a cap was passed.
        """

    @abstractmethod
    def rest(self) -> bytes:
        """What has arrived and was not read; after STARTTLS this belongs to TLS."""


_OTHER = Said(Says.OTHER)
_ASKS, _STARTTLS, _GOES_ON = Said(Says.CAPABILITIES), Said(Says.STARTTLS), Said(Says.GOES_ON)


def mechanism_named(word: bytes) -> str:
    """A SASL mechanism by its name as sent, or OTHER."""
    name = word.strip(b"\"'").decode("ascii", "replace").upper()
    return name if name in MECHANISMS else OTHER


def _smtp(words: list[bytes]) -> Said:
    verb = words[0].upper()
    if verb == b"AUTH" and len(words) > 1:
        return Said(Says.LOGS_IN, mechanism_named(words[1]))
    return _SMTP.get(verb, _OTHER)


_SMTP = {
    **dict.fromkeys((b"EHLO", b"LHLO"), _ASKS),
    **dict.fromkeys((b"MAIL", b"RCPT", b"DATA", b"BDAT"), _GOES_ON),
    b"STARTTLS": _STARTTLS,
}


def _pop3(words: list[bytes]) -> Said:
    verb = words[0].upper()
    if verb == b"AUTH":  # alone it asks for a list, as some servers without CAPA understand it
        return (
            Said(Says.LOGS_IN, mechanism_named(words[1])) if len(words) > 1 else Said(Says.OTHER, None, True)
        )
    return _POP3.get(verb, _OTHER)


_POP3 = {
    b"CAPA": Said(Says.CAPABILITIES, None, True),
    b"STLS": _STARTTLS,
    b"USER": Said(Says.LOGS_IN, "USER"),
    b"PASS": Said(Says.LOGS_IN, "USER"),
    b"APOP": Said(Says.LOGS_IN, "APOP"),
    **dict.fromkeys((b"STAT", b"LIST", b"RETR", b"DELE", b"TOP", b"UIDL"), _GOES_ON),
}


def _imap(words: list[bytes]) -> Said:
    verb = words[1].upper() if len(words) > 1 else b""
    if verb == b"AUTHENTICATE" and len(words) > 2:
        return Said(Says.LOGS_IN, mechanism_named(words[2]))
    return _IMAP.get(verb, _OTHER)


_IMAP = {
    b"CAPABILITY": _ASKS,
    b"STARTTLS": _STARTTLS,
    b"LOGIN": Said(Says.LOGS_IN, "IMAP LOGIN"),
    **dict.fromkeys(
        (b"SELECT", b"EXAMINE", b"LIST", b"LSUB", b"STATUS", b"APPEND", b"UID", b"FETCH"), _GOES_ON
    ),
}


def _managesieve(words: list[bytes]) -> Said:
    verb = words[0].upper()
    if verb == b"AUTHENTICATE" and len(words) > 1:
        return Said(Says.LOGS_IN, mechanism_named(words[1]))
    return _MANAGESIEVE.get(verb, _OTHER)


_MANAGESIEVE = {
    b"CAPABILITY": _ASKS,
    b"STARTTLS": _STARTTLS,
    **dict.fromkeys((b"PUTSCRIPT", b"LISTSCRIPTS", b"GETSCRIPT", b"SETACTIVE", b"HAVESPACE"), _GOES_ON),
}


def _irc(words: list[bytes]) -> Said:
    if words[0][:1] == b":":  # a prefix, which clients need not send
        words = words[1:] or [b""]
    verb = words[0].upper()
    if verb == b"AUTHENTICATE" and len(words) > 1:
        return Said(Says.LOGS_IN, mechanism_named(words[1]))
    if verb == b"CAP" and words[1:2] and words[1].upper() == b"LS":
        return _ASKS
    return _IRC.get(verb, _OTHER)


_IRC = {
    b"STARTTLS": _STARTTLS,
    b"PASS": Said(Says.LOGS_IN, "PASS"),
    **dict.fromkeys((b"JOIN", b"PRIVMSG", b"NOTICE", b"MODE", b"PART", b"TOPIC", b"WHO", b"WHOIS"), _GOES_ON),
}

_WORDS = 4
"""As many as are ever looked at."""


class CommandReader(ClientReader):
    """A protocol of lines."""

    def __init__(self, limits: Limits, meaning: Callable[[list[bytes]], Said]) -> None:
        self._lines = Lines(limits.line, limits.text)
        self._meaning = meaning

    def feed(self, data: bytes) -> None:
        """See ClientReader."""
        self._lines.feed(data)

    def next(self) -> Said | None:
        """See ClientReader."""
        line = self._lines.next_line()
        if line is None:
            return None
        words = line.split(None, _WORDS)
        return self._meaning(words) if words else _OTHER

    def rest(self) -> bytes:
        """See ClientReader."""
        return self._lines.rest()


_TLS, _SASL, _SASL2 = "urn:ietf:params:xml:ns:xmpp-tls", "urn:ietf:params:xml:ns:xmpp-sasl", "urn:xmpp:sasl:2"
_STREAMS, _IQ_AUTH = "http://etherx.jabber.org/streams", "jabber:iq:auth"


class StanzaReader(ClientReader):
    """XMPP, RFC 6120."""

    def __init__(self, limits: Limits) -> None:
        self._stream = StreamReader(limits)

    def feed(self, data: bytes) -> None:
        """See ClientReader."""
        self._stream.feed(data)

    def next(self) -> Said | None:
        """See ClientReader. The words of an error that expat gives may be the client's: they are not kept."""
        try:
            element = self._stream.next()
        except LimitExceeded:
            raise LimitExceeded("the client sent more than our cap") from None
        except WireError:
            raise ProtocolError("the client's side is no XMPP stream") from None
        return None if element is None else _stanza(element)

    def rest(self) -> bytes:
        """See ClientReader."""
        return self._stream.rest()


def _stanza(element: Element) -> Said:
    where = (element.namespace, element.name)
    if where == (_STREAMS, "stream"):
        return _ASKS
    if where == (_TLS, "starttls"):
        return _STARTTLS
    if where in ((_SASL, "auth"), (_SASL2, "authenticate")):
        return Said(Says.LOGS_IN, mechanism_named(element.attributes.get("mechanism", "").encode()))
    if any(child.namespace == _IQ_AUTH for child in element.children):
        return Said(Says.LOGS_IN, "IQ AUTH")
    return _GOES_ON if element.name in ("message", "presence", "iq", "result", "verify") else _OTHER


def client_reader(protocol: str, limits: Limits) -> ClientReader | None:
    """A reader of a client's side; None: a protocol whose clients are not read (http, ssh)."""
    if protocol == "xmpp":
        return StanzaReader(limits)
    meaning = _MEANINGS.get(protocol)
    return None if meaning is None else CommandReader(limits, meaning)


_MEANINGS: dict[str, Callable[[list[bytes]], Said]] = {
    "smtp": _smtp,
    "lmtp": _smtp,
    "pop3": _pop3,
    "imap": _imap,
    "managesieve": _managesieve,
    "irc": _irc,
}
