"""A connection from its first byte: finds out what is spoken, and reads it up to where everything is encrypted or said.

TLS is known by its first bytes, on every port, at the start or behind a line of text: no line of a text protocol
begins as a TLS record does. So the two sides need not wait for each other, and one side alone is read as well.
"""

from __future__ import annotations

from mailcensus.model import Sides, TlsMode
from mailcensus.passive.watch.side import Side
from mailcensus.passive.watch.ssh import SshWatch
from mailcensus.passive.watch.text import TEXT_PROTOCOLS, TextWatch, protocol_by_first_words
from mailcensus.passive.watch.tls import TlsWatch, begins_tls, may_begin_tls
from mailcensus.wire.exchange import Limits
from mailcensus.wire.services import Service

_SSH = b"SSH-"
_LINE_ENDS = (b"", b"\n", b">")
_SIDES = {
    (False, False): Sides.NONE,
    (True, False): Sides.CLIENT,
    (False, True): Sides.SERVER,
    (True, True): Sides.BOTH,
}


class ConversationWatch:
    """One connection. Bytes of either side go in as they come, each side's in order.

    Args:
        service: of the server's port; None: of no service, and the first bytes must tell.

    Attributes:
        text, tls, ssh: what was found; None: it did not come to that.
        done: nothing more is to be had; what comes is not looked at.
    """

    __slots__ = (
        "_heads",
        "_in_tls",
        "_limits",
        "_service",
        "_spoke",
        "_tails",
        "_unknown",
        "ssh",
        "text",
        "tls",
    )

    def __init__(self, service: Service | None, limits: Limits) -> None:
        self._service = service
        self._limits = limits
        self._heads = [b"", b""]
        """First bytes that are too few to tell what they are."""
        self._tails = [b"", b""]
        self._in_tls = [False, False]
        self._spoke = [False, False]
        self._unknown = False
        self.text: TextWatch | None = None
        self.tls: TlsWatch | None = None
        self.ssh: SshWatch | None = None

    def receive(self, side: Side, data: bytes) -> None:
        """Take what one side sent. Whatever it is, nothing is raised."""
        if not data or self.done:
            return
        self._spoke[side] = True
        if self.ssh is not None:
            self.ssh.receive(side, data)
        elif self.tls is not None and self._in_tls[side]:
            self.tls.receive(side, data)
        else:
            data, self._heads[side] = self._heads[side] + data, b""
            self._clear(side, data)

    @property
    def done(self) -> bool:
        """Nothing more is to be had."""
        if self.tls is not None:
            return self.tls.done
        if self.ssh is not None:
            return self.ssh.done
        return self._unknown or (self.text is not None and self.text.through)

    @property
    def one_side_done(self) -> bool:
        """One side is through; what it goes on to say is of no use."""
        if self.tls is not None:
            return self.tls.has_data_of_one_side
        return self.ssh is not None and self.ssh.half_done

    @property
    def anything_read(self) -> bool:
        """There is something to record."""
        if self.text is not None and self.text.anything_read:
            return True
        if self.tls is not None and self.tls.anything_read:
            return True
        return self.ssh is not None and self.ssh.anything_read

    @property
    def sides(self) -> Sides:
        """Whose bytes came."""
        return _SIDES[self._spoke[Side.CLIENT], self._spoke[Side.SERVER]]

    @property
    def protocol(self) -> str | None:
        """What is spoken in the clear, or, of implicit TLS, behind it."""
        if self.text is not None:
            return self.text.protocol
        if self.ssh is not None:
            return "ssh"
        return self._service.protocol if self.tls is not None and self._service is not None else None

    @property
    def tls_mode(self) -> TlsMode | None:
        """How TLS started."""
        if self.tls is not None:
            return TlsMode.IMPLICIT if self.text is None else TlsMode.STARTTLS
        return TlsMode.NONE if self.text is not None or self.ssh is not None else None

    @property
    def error(self) -> str | None:
        """What could not be read."""
        errors = (watch.error for watch in (self.tls, self.ssh, self.text) if watch is not None)
        return next(filter(None, errors), None)

    def _clear(self, side: Side, data: bytes) -> None:
        """Bytes of a side that has not come to TLS yet."""
        if self._tails[side] in _LINE_ENDS:
            if may_begin_tls(data):
                self._heads[side] = data
                return
            if begins_tls(data):
                self._begin_tls(side, data)
                return
        if self.text is None and not self._begin_text(side, data):
            return
        assert self.text is not None
        self._tails[side] = data[-1:]
        rest = self.text.receive(side, data)
        if rest:
            self._tails[side] = b""
            if may_begin_tls(rest):
                self._heads[side] = rest
            elif begins_tls(rest):
                self._begin_tls(side, rest)

    def _begin_tls(self, side: Side, data: bytes) -> None:
        if self.tls is None:
            self.tls = TlsWatch(self._limits)
        self._in_tls[side] = True
        self.tls.receive(side, data)

    def _begin_text(self, side: Side, data: bytes) -> bool:
        """Choose who reads; False: not yet, or SSH, or nobody does."""
        service = self._service
        if (service is not None and service.protocol == "ssh") or data.startswith(_SSH):
            self.ssh = SshWatch(self._limits)
            self.ssh.receive(side, data)
            other = Side.SERVER if side is Side.CLIENT else Side.CLIENT
            if self._heads[other]:
                self.ssh.receive(other, self._heads[other])
            return False
        if self.tls is not None:  # the other side speaks it; these bytes are SSL 2.0, or none at all
            self._in_tls[side] = True
            self.tls.receive(side, data)
            return False
        if len(data) < len(_SSH) and _SSH.startswith(data):
            self._heads[side] = data
            return False
        protocol = service.protocol if service is not None else None
        if protocol is None and side is Side.SERVER:
            protocol = protocol_by_first_words(data)
        if protocol not in TEXT_PROTOCOLS:
            self._unknown = True
            return False
        self.text = TextWatch(protocol, self._limits)
        return True
