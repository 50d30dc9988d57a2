"""What reads other people's connections: capture files, both sides of a conversation, ClientHellos.

A capture may say anything of its own lengths and times, and both ends of what it holds may be hostile.
"""

from __future__ import annotations

import io

from fuzz.cutting import Cut, check
from fuzz.tls_targets import LIMITS
from mailcensus.passive.captures.connections import Connection
from mailcensus.passive.captures.reading import Captures
from mailcensus.passive.captures.records import flow_of
from mailcensus.passive.clients import ClientPolicy, Clients
from mailcensus.passive.watch.conversation import ConversationWatch
from mailcensus.passive.watch.side import Side
from mailcensus.wire.errors import WireError
from mailcensus.wire.services import SERVICES
from mailcensus.wire.tls.client_hello import ClientHelloReader

_BY_PORT = {service.port: service for service in SERVICES}
_CLIENTS = Clients(ClientPolicy.KEEP)


def capture(data: bytes, _cut: Cut) -> object:
    """A file. The first byte's lowest bit is --any-port."""
    flows: list[object] = []

    def ended(connection: Connection, cut: str | None) -> None:
        flows.append(flow_of(connection, cut, "run", _CLIENTS, _BY_PORT.get(connection.server[1])))

    reader = Captures(_BY_PORT, ended, any_port=bool(data[:1] and data[0] & 1))
    read = reader.read(io.BytesIO(data[1:]), "capture")
    reader.end()
    return read.error, len(flows)


def talk(data: bytes, _cut: Cut) -> object:
    """A conversation: the first byte is a service, then pieces: side (one bit) and length (15), and as many bytes."""
    if not data:
        return None
    watch = ConversationWatch(([*SERVICES, None])[data[0] % (len(SERVICES) + 1)], LIMITS)
    at = 1
    while at + 2 <= len(data):
        head = int.from_bytes(data[at : at + 2], "big")
        end = at + 2 + (head & 0x7FFF)
        watch.receive(Side(head >> 15), data[at + 2 : end])
        at = end
    tls = watch.tls.seen() if watch.tls is not None else None
    ssh = watch.ssh.seen() if watch.ssh is not None else None
    return watch.sides, watch.tls_mode, watch.protocol, watch.error, watch.anything_read, tls, ssh


def client_hello(data: bytes, cut: Cut) -> object:
    """A client's first bytes."""

    def run(pieces: tuple[bytes, ...]) -> object:
        reader = ClientHelloReader(LIMITS)
        try:
            for piece in pieces:
                if piece and (found := reader.feed(piece)) is not None:
                    return found
        except WireError as error:
            return type(error)
        return None

    return check(run, data, cut)
