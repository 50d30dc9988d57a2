"""All connections under way: which packets still matter, and what each connection comes to.

A connection begins with a SYN of either side, or in its middle where that is a TLS hello or an SSH identification;
it ends when nothing more is to be read, with its FINs or a RST, when it is idle, or when there is no more room.
Ended ones are remembered in a table of hashes that arrays are compared with: their packets cost nothing more. An
entry may be overwritten by a later connection; then the next packet of the earlier one is looked at, and remembered
again.

Bounds: MOST_LIVE connections that said something and as many that only opened; HELD_BYTES of all that they said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

import numpy as np
import numpy.typing as npt

from mailcensus.passive.captures.layers import Segments
from mailcensus.passive.captures.stream import Stream
from mailcensus.passive.watch.conversation import ConversationWatch
from mailcensus.passive.watch.side import Side
from mailcensus.wire.exchange import Limits
from mailcensus.wire.services import Service

MOST_LIVE = 65_536
HELD_BYTES = 256 << 20
IDLE_NS = 300 * 10**9
"""RFC 5321 section 4.5.3.2 lets a server wait five minutes for a command."""
USELESS_BYTES = 65_536
"""What one side may go on to say when only the other is still missing: it is not in the capture."""
_SLOTS = 1 << 20
_SLOT_MASK = np.uint64(_SLOTS - 1)
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_CONTROL = _FIN | _SYN | _RST
_HELLOS = (1, 2)


@dataclass(slots=True)
class Connection:
    """One connection as far as it was seen."""

    source: str
    """Where its first packet was."""
    client_forward: bool
    """Which direction is the client's."""
    client: tuple[str, int]
    server: tuple[str, int]
    started_ns: int
    last_ns: int
    from_start: bool
    streams: tuple[Stream, Stream]
    conversation: ConversationWatch
    sent: list[int]
    """Bytes of payload on the wire, by side."""
    packets: int = 0
    finished_sides: int = 0
    useless_bytes: int = 0
    short_packets: bool = False
    """Packets were captured in part only."""


Ended = Callable[[Connection, str | None], None]
"""Takes a connection that ended, and why less was read than was said."""


class Connections:
    """Takes segments, gives connections that ended.

    Args:
        services: by port.
        ended: told of each connection of which something was read.
        counts: of what was passed over.
        any_port: read connections to ports of no service too, where their first bytes say what they are.
    """

    def __init__(
        self,
        services: dict[int, Service],
        ended: Ended,
        counts: Counter[str],
        limits: Limits | None = None,
        *,
        any_port: bool = False,
    ) -> None:
        self._services = services
        self._ended = ended
        self._counts = counts
        self._limits = limits or Limits()
        self._any_port = any_port
        self._live: dict[int, Connection] = {}
        self._opened: dict[int, tuple[bool, int, int | None, int | None]] = {}
        """Opened and nothing said: whether the client is forward, when, first sequence of client and of server."""
        self._done: npt.NDArray[np.uint64] = np.zeros(_SLOTS, np.uint64)
        self._just_done: set[int] = set()
        self._held = 0
        self.source = "-"

    def take(self, segments: Segments) -> None:
        """One block's segments, in the order captured."""
        flags = segments.flags
        matters = (segments.length > 0) | ((flags & _CONTROL) != 0)
        done = self._done[segments.connection & _SLOT_MASK] == segments.connection
        opens_again = done & ((flags & (_SYN | _ACK)) == _SYN)
        if opens_again.any():  # ports used again: what follows is another connection
            done &= ~np.isin(segments.connection, segments.connection[opens_again])
        rows = np.flatnonzero(matters & ~done)
        self._just_done.clear()
        self._counts["payload_passed_over"] += int(done.sum())
        columns = (
            segments.connection[rows].tolist(),
            segments.forward[rows].tolist(),
            flags[rows].tolist(),
            segments.sequence[rows].tolist(),
            segments.payload[rows].tolist(),
            segments.captured[rows].tolist(),
            segments.length[rows].tolist(),
            segments.at_ns[rows].tolist(),
            rows.tolist(),
        )
        data = memoryview(segments.data)
        for name, forward, flag, sequence, payload, captured, length, at_ns, row in zip(
            *columns, strict=True
        ):
            if name in self._just_done and flag & (_SYN | _ACK) != _SYN:
                continue
            connection = self._live.get(name)
            if flag & _SYN:
                if connection is None or not self._is_copy(connection, forward, flag, sequence):
                    self._open(name, forward, flag, sequence, at_ns)
                continue
            if connection is None:
                if not length:
                    self._opened.pop(name, None) if flag & _RST else None
                    continue
                connection = self._begin(
                    name, segments, row, forward, bytes(data[payload : payload + captured])
                )
                if connection is None:
                    continue
            if length:
                self._said(
                    name,
                    connection,
                    forward,
                    sequence,
                    bytes(data[payload : payload + captured]),
                    length,
                    at_ns,
                )
            if flag & (_FIN | _RST) and name in self._live:
                self._closing(name, connection, forward, flag)

    def sweep(self, now_ns: int) -> None:
        """End what has been idle, by the capture's own clock."""
        for name, connection in list(self._live.items()):
            if now_ns - connection.last_ns > IDLE_NS:
                self._end(name, connection, "idle")
        for name, opened in list(self._opened.items()):
            if now_ns - opened[1] > IDLE_NS:
                del self._opened[name]
                self._counts["nothing_said"] += 1

    def end(self) -> None:
        """There is no more: end all."""
        for name, connection in list(self._live.items()):
            self._end(name, connection, "end")
        self._counts["nothing_said"] += len(self._opened)
        self._opened.clear()

    # beginnings

    def _is_copy(self, connection: Connection, forward: bool, flag: int, sequence: int) -> bool:
        """A SYN is one more copy of the one that opened a connection, or belongs to its other side."""
        if flag & _ACK:
            return True
        stream = connection.streams[Side.CLIENT]
        if forward != connection.client_forward or stream.next_sequence is None:
            return forward == connection.client_forward
        return (sequence + 1 + stream.given) % (1 << 32) == stream.next_sequence

    def _open(self, name: int, forward: bool, flag: int, sequence: int, at_ns: int) -> None:
        """A SYN, or the answer to one."""
        old = self._live.get(name)
        if old is not None:
            self._end(name, old, None)
        if not flag & _ACK:
            self._forget(name)
        known = self._opened.get(name)
        first = (sequence + 1) % (1 << 32)
        if flag & _ACK:
            client_first = known[2] if known else None
            self._opened[name] = (not forward, known[1] if known else at_ns, client_first, first)
        else:
            server_first = known[3] if known and known[0] == forward else None
            self._opened[name] = (forward, at_ns, first, server_first)
        if len(self._opened) > MOST_LIVE:
            del self._opened[next(iter(self._opened))]
            self._counts["nothing_said"] += 1

    def _begin(
        self, name: int, segments: Segments, row: int, forward: bool, payload: bytes
    ) -> Connection | None:
        """The first bytes of a connection; None: it is not read."""
        opened = self._opened.pop(name, None)
        if opened is None:
            client_forward = self._client_of_middle(segments, row, forward, payload)
            if client_forward is None:
                self._remember(name)
                self._counts["began_before"] += 1
                return None
            opened = (client_forward, int(segments.at_ns[row]), None, None)
            from_start = False
        else:
            from_start = True
        client_forward, at_ns, *firsts = opened
        source, target = _ends(segments, row)
        client, server = (source, target) if forward == client_forward else (target, source)
        service = self._services.get(server[1])
        if service is None and not self._any_port:
            # The client's port happens to be a service's.
            self._remember(name)
            self._counts["other_ports"] += 1
            return None
        if len(self._live) >= MOST_LIVE:
            self._make_room()
        streams = Stream(), Stream()
        for stream, first in zip(streams, firsts, strict=True):
            stream.next_sequence = first
        connection = self._live[name] = Connection(
            source=self.source,
            client_forward=client_forward,
            client=client,
            server=server,
            started_ns=at_ns,
            last_ns=at_ns,
            from_start=from_start,
            streams=streams,
            conversation=ConversationWatch(service, self._limits),
            sent=[0, 0],
        )
        return connection

    def _client_of_middle(self, segments: Segments, row: int, forward: bool, payload: bytes) -> bool | None:
        """Which direction is the client's, where no SYN was seen: by a hello; SSH by its port. None: cannot tell."""
        if payload[:1] == b"\x16" and payload[1:2] == b"\x03" and len(payload) > 5 and payload[5] in _HELLOS:
            return forward if payload[5] == 1 else not forward
        if payload[:4] == b"SSH-":
            to_service = int(segments.target_port[row]) in self._services
            return forward if to_service else not forward
        return None

    def _make_room(self) -> None:
        name = next(iter(self._live))
        self._end(name, self._live[name], "limit")

    # bytes

    def _said(
        self,
        name: int,
        connection: Connection,
        forward: bool,
        sequence: int,
        payload: bytes,
        length: int,
        at_ns: int,
    ) -> None:
        side = Side.CLIENT if forward == connection.client_forward else Side.SERVER
        connection.last_ns = max(connection.last_ns, at_ns)
        connection.packets += 1
        connection.sent[side] += length
        stream, conversation = connection.streams[side], connection.conversation
        before = stream.given + stream.waiting_bytes
        for piece in stream.take(sequence, payload):
            conversation.receive(side, piece)
        if len(payload) < length:
            connection.short_packets = True
            stream.lose_rest()
        self._held += stream.given + stream.waiting_bytes - before
        if conversation.done:
            self._end(name, connection, None)
        elif conversation.one_side_done or stream.broken:
            connection.useless_bytes += length
            if connection.useless_bytes > USELESS_BYTES:
                self._end(name, connection, "gap")
        if self._held > HELD_BYTES:
            self._make_room()

    # ends

    def _closing(self, name: int, connection: Connection, forward: bool, flag: int) -> None:
        side = Side.CLIENT if forward == connection.client_forward else Side.SERVER
        connection.finished_sides |= 1 << side
        if flag & _RST or (
            connection.finished_sides == 3 and not any(stream.has_gap for stream in connection.streams)
        ):
            self._end(name, connection, None)

    def _end(self, name: int, connection: Connection, cut: str | None) -> None:
        del self._live[name]
        for stream in connection.streams:
            self._held -= stream.given + stream.waiting_bytes
        self._remember(name)
        conversation = connection.conversation
        if not conversation.done or cut == "limit":
            if connection.short_packets:
                cut = "snaplen"
            elif any(stream.has_gap for stream in connection.streams):
                cut = "gap"
        else:
            cut = None
        if conversation.anything_read:
            self._ended(connection, cut)
        else:
            self._counts["nothing_read"] += 1

    def _remember(self, name: int) -> None:
        self._done[name & (_SLOTS - 1)] = name
        self._just_done.add(name)

    def _forget(self, name: int) -> None:
        slot = name & (_SLOTS - 1)
        if int(self._done[slot]) == name:
            self._done[slot] = 0
        self._just_done.discard(name)


def _ends(segments: Segments, row: int) -> tuple[tuple[str, int], tuple[str, int]]:
    """Address and port of sender and receiver."""
    at, size = (12, 4) if segments.version[row] == 4 else (8, 16)
    start = int(segments.ip[row]) + at
    source, target = (
        str(ip_address(bytes(segments.data[begin : begin + size]))) for begin in (start, start + size)
    )
    return (source, int(segments.source_port[row])), (target, int(segments.target_port[row]))


@lru_cache(maxsize=65_536)
def _address(packed: bytes) -> str:
    return str(ip_address(packed))
