"""One connection to a lab host: carries a responder's bytes, through TLS once that is up, and notes how it went."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from mailcensus.lab.ledger import Ledger, Visit
from mailcensus.lab.plan import HostPlan, ServicePlan
from mailcensus.lab.responder import Answer, Responder, Then
from mailcensus.lab.smtp import SmtpResponder
from mailcensus.model import TlsMode

_LINGER_S = 2.0
"""How long a visitor may take to close once we have said goodbye."""
_REFUSAL_DELAY_S = 0.05
"""A refusing host greets this late: who only looks whether the port is open has left and is not counted."""

_VISITOR_IS_THERE = frozenset({1, 4, 5})
"""States in which no FIN of the visitor has come: ESTABLISHED, FIN_WAIT1, FIN_WAIT2 (linux: net/tcp_states.h)."""


@dataclass(slots=True)
class Station:
    """A service at its address, and what changes about it."""

    host: HostPlan
    service: ServicePlan
    refusals_left: int


@dataclass(frozen=True, slots=True)
class House:
    """What all connections of a lab share."""

    stations: dict[tuple[str, int], Station]
    ledger: Ledger
    responder: Callable[[ServicePlan, Visit], Responder]
    context: Callable[[ServicePlan], ssl.SSLContext]


class Connection(asyncio.Protocol):
    """One accepted connection."""

    _transport: asyncio.Transport
    _visit: Visit
    _station: Station
    _responder: Responder

    def __init__(self, house: House) -> None:
        self._house = house
        self._known = False
        self._greeted = False
        self._closing = False
        self._ending = "server"
        self._tls: ssl.SSLObject | None = None
        self._shaken = False
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find out which host and service this is, and begin."""
        self._transport = cast(asyncio.Transport, transport)
        ip, port = transport.get_extra_info("sockname")[:2]
        station = self._house.stations.get((ip, port))
        if station is None:  # one socket for every address: nobody is at this one
            reset(self._transport)
            return
        self._known = True
        self._station = station
        peer = "{}:{}".format(*transport.get_extra_info("peername")[:2])
        self._visit = self._house.ledger.opened(ip, port, station.service.name, peer, self._has_left)
        self._responder = self._house.responder(station.service, self._visit)
        if station.service.tls is TlsMode.IMPLICIT:
            self._start_tls()
        elif station.refusals_left:
            asyncio.get_running_loop().call_later(_REFUSAL_DELAY_S, self._greet_late)
        else:
            self._greet()

    def _has_left(self) -> bool:
        """The loop hears of a new connection and of the end of another in any order; the kernel knows."""
        connection: socket.socket = self._transport.get_extra_info("socket")
        if connection.fileno() < 0:
            return True
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] not in _VISITOR_IS_THERE

    def _greet_late(self) -> None:
        if self._transport.is_closing():
            return
        if self._station.refusals_left and isinstance(self._responder, SmtpResponder):
            self._station.refusals_left -= 1
            self._responder.refuse = True
        self._greet()

    def _greet(self) -> None:
        self._greeted = True
        self._perform(self._responder.greet())

    def data_received(self, data: bytes) -> None:
        """Bytes of the visitor, in the clear or TLS."""
        if not self._known:
            return
        if self._tls is not None:
            self._incoming.write(data)
            self._pump()
        elif not self._greeted:
            self._visit.early = True
        elif not self._closing:
            self._perform(self._responder.receive(data))

    def eof_received(self) -> None:
        """The visitor closed its side; the transport closes ours."""
        self._ending = "fin"

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        if self._known:
            self._house.ledger.closed(self._visit, "reset" if isinstance(error, OSError) else self._ending)

    def _perform(self, answer: Answer) -> None:
        if answer.data:
            self._send(answer.data)
        if answer.then is Then.START_TLS:
            self._start_tls()
        elif answer.then is Then.CLOSE:
            self._close()

    def _send(self, data: bytes) -> None:
        if self._tls is None:
            self._transport.write(data)
        else:
            self._tls.write(data)
            self._flush()

    def _start_tls(self) -> None:
        context = self._house.context(self._station.service)
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _pump(self) -> None:
        """Hand TLS what came in, and the responder what came out of it."""
        try:
            if not self._shaken:
                self._shake()
            while not self._visit.close_notify:
                self._read()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:  # their close_notify, in answer to ours
            self._visit.close_notify = True
        except ssl.SSLError as error:
            self._visit.tls_error = self._visit.tls_error or error.reason or str(error)
            self._flush()
            self._transport.close()
            return
        self._flush()

    def _shake(self) -> None:
        assert self._tls is not None
        self._tls.do_handshake()
        self._shaken = self._responder.secure = True
        self._visit.tls_version = self._tls.version()
        self._flush()
        if not self._greeted:
            self._greet()

    def _read(self) -> None:
        assert self._tls is not None
        data = self._tls.read(65_536)
        if not data:
            self._visit.close_notify = True
            self._close()
        elif not self._closing:
            self._perform(self._responder.receive(data))

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._transport.write(data)

    def _close(self) -> None:
        """Say goodbye and wait a little for the visitor's own goodbye."""
        if self._closing:
            return
        self._closing = True
        if self._tls is not None and self._shaken:
            try:
                self._tls.unwrap()
                self._visit.close_notify = True
            except ssl.SSLError:  # ours is sent, theirs has not come
                pass
            self._flush()
        if not self._transport.is_closing():
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(_LINGER_S, self._transport.abort)


def reset(transport: asyncio.BaseTransport) -> None:
    """Close with a RST instead of a FIN: lingering for no time makes the kernel do so (socket(7))."""
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cast(asyncio.WriteTransport, transport).abort()
