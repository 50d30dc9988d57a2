"""XMPP (RFC 6120), client to server and server to server: stream features, STARTTLS, stream restart.

Without a server name the stream is opened without `to`: an address is not a domain, and servers that need one
answer with a stream error, which is kept. Features may come long after the stream header.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from mailcensus.wire.dialogue import LineDialogue, refusal
from mailcensus.wire.errors import ProtocolError, RateLimited, WireError
from mailcensus.wire.xml_stream import Element, StreamReader

_STREAMS = "http://etherx.jabber.org/streams"
_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
_SASL = ("urn:ietf:params:xml:ns:xmpp-sasl", "urn:xmpp:sasl:2")
_CAPS = "http://jabber.org/protocol/caps"
_LATER_CONDITIONS = ("resource-constraint", "system-shutdown")
"""Stream errors that are about now, not about us (RFC 6120 section 4.9.3)."""


def capabilities_of(features: Element) -> tuple[str, ...]:
    """One line a stream feature: its name and namespace, `required` where it is, the node of entity capabilities."""
    return tuple(map(_capability, features.children))


def auth_mechanisms(features: Element) -> tuple[str, ...]:
    """SASL mechanisms (RFC 6120 section 6, then XEP-0388) in the server's order, each once, upper case."""
    offers = (child for namespace in _SASL for child in features.children if child.namespace == namespace)
    named = (
        item.text.strip().upper() for offer in offers for item in offer.children if item.name == "mechanism"
    )
    return tuple(dict.fromkeys(filter(None, named)))


class XmppDialogue(LineDialogue[Element]):
    """Stream, features, STARTTLS, stream again, closed stream."""

    namespace = "jabber:client"
    starttls_command = f"<starttls xmlns='{_TLS}'/>".encode()
    farewell_command = b"</stream:stream>"

    def new_reader(self) -> StreamReader:
        """See LineDialogue."""
        return StreamReader(self.settings.limits)

    def open(self) -> bytes:
        """Open our stream, RFC 6120 section 4.2; the server answers with its own."""
        to = f" to={quoteattr(self.settings.server_name)}" if self.settings.server_name else ""
        return (
            f"<?xml version='1.0'?><stream:stream{self.sender()}{to} xmlns='{self.namespace}' "
            f"xmlns:stream='{_STREAMS}' version='1.0'>"
        ).encode()

    def sender(self) -> str:
        """The `from` attribute; clients have none to show."""
        return ""

    def on_greeting(self, unit: Element) -> bytes:
        """The stream header. Without version 1.0 no features follow, RFC 6120 section 4.7.5."""
        self.findings.greeting = unit.source
        if (unit.namespace, unit.name) != (_STREAMS, "stream"):
            raise ProtocolError(f"not an XMPP stream: {unit.source!r}")
        self.ask_capabilities(b"")
        if unit.attributes.get("version", "0.9").startswith("0"):
            self.learn((), ())
            return self.go_on(starttls_offered=False)
        return b""

    def on_capabilities(self, unit: Element) -> bytes:
        """The features; behind STARTTLS the new stream header comes first."""
        if unit.namespace != _STREAMS or unit.name not in ("stream", "features"):
            raise _unexpected(unit)
        if unit.name == "stream":
            return b""
        if not (unit.children or self.settings.server_name or self.secure):
            # What Prosody says to a stream that names no domain: features belong to domains, so this is no "no".
            raise ProtocolError("no stream features without a domain: whether STARTTLS is there is unknown")
        self.learn(capabilities_of(unit), auth_mechanisms(unit))
        return self.go_on(
            starttls_offered=any((item.namespace, item.name) == (_TLS, "starttls") for item in unit.children)
        )

    def on_starttls(self, unit: Element) -> bytes:
        """`proceed` or `failure`, RFC 6120 section 5.4.2."""
        if unit.namespace != _TLS or unit.name not in ("proceed", "failure"):
            raise _unexpected(unit)
        return self.accept() if unit.name == "proceed" else self.refuse("STARTTLS failure")

    def ask_again(self) -> bytes:
        """RFC 6120 section 5.4.3.3: a new stream."""
        return self.open()


class XmppServerDialogue(XmppDialogue):
    """The same, as one server to another; it says who asks and never tries to prove it."""

    namespace = "jabber:server"

    def sender(self) -> str:
        """Our own name."""
        return f" from={quoteattr(self.settings.ehlo_name)}"


def _capability(feature: Element) -> str:
    words = [feature.name, feature.namespace]
    if any(child.name == "required" for child in feature.children):
        words.append("required")
    if feature.namespace == _CAPS and "node" in feature.attributes:
        words.append(f"node={feature.attributes['node']}")
    return " ".join(words)


def _unexpected(element: Element) -> WireError:
    if (element.namespace, element.name) != (_STREAMS, "error"):
        return ProtocolError(f"not expected here: <{element.name} xmlns={element.namespace!r}>")
    conditions = [child.name for child in element.children if child.name != "text"]
    texts = [child.text for child in element.children if child.name == "text"]
    words = " ".join(["stream error:", *conditions, *texts])
    return RateLimited(words) if set(conditions) & set(_LATER_CONDITIONS) else refusal(words)
