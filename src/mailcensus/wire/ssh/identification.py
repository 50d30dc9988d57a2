"""The identification line, and what servers say instead of it (RFC 4253 section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.wire.errors import LimitExceeded, RateLimited
from mailcensus.wire.exchange import Limits, printable

OURS = b"SSH-2.0-mailcensus"

_REFUSALS = (b"exceeded maxstartups", b"not allowed at this time", b"too many connections")
"""How OpenSSH (MaxStartups; PerSourcePenalties since 9.8) and others say "later" before they identify."""


@dataclass(frozen=True, slots=True)
class Identification:
    """SSH-protoversion-softwareversion SP comments."""

    line: bytes
    """Without its end; it goes into the exchange hash as it is."""

    @property
    def protocol_version(self) -> str:
        """2.0; 1.99 is 2.0 with 1.5 besides; anything else below 2 is SSH-1 alone."""
        return printable(self.line.split(b"-", 2)[1])

    @property
    def software(self) -> str | None:
        """softwareversion, without comments; None where the line ends before it."""
        parts = self.line.split(b"-", 2)
        return printable(parts[2].partition(b" ")[0]) if len(parts) > 2 else None

    @property
    def speaks_2(self) -> bool:
        """The server can do SSH 2."""
        return self.protocol_version == "1.99" or self.protocol_version.startswith("2.")


class IdentificationReader:
    """Cuts the server's first lines off the stream, up to its identification."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._text_left = limits.text

    def feed(self, data: bytes) -> tuple[Identification, bytes] | None:
        """The identification and what follows it; None while it has not come.

        Raises:
            RateLimited: the server said "later".
            LimitExceeded: a line, or all lines before the identification, are longer than our caps.
        """
        at = 0
        while (end := data.find(b"\n", at) + 1) > 0:
            self._take(data[at:end])
            at = end
            line = bytes(self._buffer).rstrip(b"\n").removesuffix(b"\r")
            self._buffer.clear()
            self._lines.append(line)
            if line.startswith(b"SSH-"):
                return Identification(line), data[at:]
            if line.lower().startswith(_REFUSALS):
                raise RateLimited(printable(line))
        self._take(data[at:])
        return None

    def _take(self, data: bytes) -> None:
        room = min(self._limits.line - len(self._buffer), self._text_left)
        self._buffer += data[:room]
        self._text_left -= len(data)
        if len(data) > room:
            raise LimitExceeded("more text before the SSH identification than our cap")

    @property
    def greeting(self) -> str | None:
        """Everything the server said up to its identification, lines parted by LF; None if nothing."""
        lines = [*self._lines, bytes(self._buffer)] if self._buffer else self._lines
        return printable(b"\n".join(lines)) if lines else None
