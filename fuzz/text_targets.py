"""Every text protocol through a whole conversation: before TLS, the handshake (a canned one), and behind it.

The input is a choice of service, then what the server says; the word HANDSHAKE stands where TLS begins. With
implicit TLS everything is behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from fuzz.cutting import Cut, check, check_exchange
from fuzz.tls_targets import LIMITS, key_pairs, sealed_13
from mailcensus.wire.conversation import Conversation
from mailcensus.wire.errors import WireError
from mailcensus.wire.exchange import ExchangeSettings, Findings
from mailcensus.wire.services import SERVICES, Service
from mailcensus.wire.software import identify, identify_server
from mailcensus.wire.xml_stream import StreamReader

HANDSHAKE = b"<<TLS>>"
SETTINGS = ExchangeSettings(ehlo_name="scanner.invalid", authority="192.0.2.1", limits=LIMITS)
PROTOCOLS = tuple(dict.fromkeys(service.protocol for service in SERVICES if service.dialogue is not None))


def handshake_13() -> bytes:
    """A server's side of TLS 1.3 under glass: X25519, no certificate worth reading, a Finished of zeros."""
    share = b"\x00\x33\x00\x24\x00\x1d\x00\x20" + bytes((9,)) + bytes(31)
    extensions = b"\x00\x2b\x00\x02\x03\x04" + share
    hello = (
        b"\x03\x03" + bytes(range(32)) + b"\x00\x13\x01\x00" + len(extensions).to_bytes(2, "big") + extensions
    )
    flight = (
        _message(8, b"\x00\x00")
        + _message(11, b"\x00\x00\x00\x08\x00\x00\x03\x30\x01\x00\x00\x00")
        + _message(15, b"\x08\x04\x00\x01\x00")
        + _message(20, bytes(32))
    )
    message = _message(2, hello)
    return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message + sealed_13(22, flight)


def _message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def services_of(protocol: str) -> tuple[Service, ...]:
    """The services that speak a protocol, one for each way into TLS and dialogue."""
    rows = {(row.dialogue, row.tls_mode): row for row in reversed(SERVICES) if row.protocol == protocol}
    return tuple(reversed(rows.values()))


def conversation(protocol: str, data: bytes, cut: Cut) -> object:
    """One conversation; under glass."""
    services = services_of(protocol)
    service = services[(data[0] if data else 0) % len(services)]

    def make() -> Conversation:
        made = Conversation(service, SETTINGS, key_pairs())
        made.start()
        return made

    clear, mark, behind = data[1:].partition(HANDSHAKE)
    if service.tls_mode == "implicit":
        clear, mark, behind = b"", HANDSHAKE, clear + mark + behind
    stream = clear + (handshake_13() + sealed_13(23, behind) if mark else b"")
    end = check_exchange(make, stream, cut)
    identify_server(protocol, make().findings())
    return end


CONVERSATIONS: dict[str, Callable[[bytes, Cut], object]] = {
    protocol: partial(conversation, protocol) for protocol in PROTOCOLS
}


def xml_stream(data: bytes, cut: Cut) -> object:
    """The reader of XML streams, on its own."""

    def run(pieces: tuple[bytes, ...]) -> object:
        reader, found = StreamReader(LIMITS), []
        try:
            for piece in pieces:
                reader.feed(piece)
                while (element := reader.next()) is not None:
                    found.append(repr(element))
        except WireError as error:
            found.append(repr(error))
        return found

    return check(run, data, cut)


@cache
def _every_protocol() -> tuple[str, ...]:
    return tuple(dict.fromkeys(service.protocol for service in SERVICES))


def software(data: bytes, _cut: Cut) -> object:
    """Who a text says it is."""
    protocols = _every_protocol()
    text = data[1:].decode("utf-8", "backslashreplace")
    protocol = protocols[(data[0] if data else 0) % len(protocols)]
    return identify(protocol, text), identify_server(protocol, Findings(capabilities_before=(text,)))
