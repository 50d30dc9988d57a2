"""One direction of a TCP connection, in order: segments in, whatever way they come, bytes out.

The first copy of a byte counts (BSD, Windows); what differs in a later one is not looked at. Bounded: PATIENCE_BYTES
may wait for a missing segment; after that the gap is taken for real, and nothing behind it is given.
"""

from __future__ import annotations

from collections.abc import Iterator

PATIENCE_BYTES = 262_144
_PATIENCE_SEGMENTS = 1_024
_HALF = 1 << 31
_WRAP = 1 << 32


class Stream:
    """Bytes of one sender.

    Attributes:
        next_sequence: of the byte that is to come; None until the first segment.
        broken: a gap that will not be filled; nothing more is given.
    """

    __slots__ = ("_waiting", "_waiting_bytes", "broken", "given", "next_sequence")

    def __init__(self) -> None:
        self.next_sequence: int | None = None
        self._waiting: dict[int, bytes] = {}
        self._waiting_bytes = 0
        self.broken = False
        self.given = 0
        """Bytes given so far."""

    def take(self, sequence: int, payload: bytes) -> Iterator[bytes]:
        """What is in order now; empty where something is missing before it."""
        if self.broken or not payload:
            return
        if self.next_sequence is None:
            self.next_sequence = sequence
        ahead = (sequence - self.next_sequence) % _WRAP
        if ahead >= _HALF:  # a copy of what was given, perhaps with new bytes behind
            known = _WRAP - ahead
            if known >= len(payload):
                return
            payload, ahead = payload[known:], 0
        if ahead:
            self._wait(sequence, payload)
            return
        yield self._given(payload)
        while self._waiting and not self.broken:
            following = self._following()
            if following is None:
                return
            yield self._given(following)

    def lose_rest(self) -> None:
        """What comes next was not captured."""
        self.broken = True
        self._waiting.clear()
        self._waiting_bytes = 0

    @property
    def has_gap(self) -> bool:
        """Bytes are missing before others that were seen."""
        return self.broken or bool(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """Held back until what is missing comes."""
        return self._waiting_bytes

    def _given(self, payload: bytes) -> bytes:
        assert self.next_sequence is not None
        self.next_sequence = (self.next_sequence + len(payload)) % _WRAP
        self.given += len(payload)
        return payload

    def _wait(self, sequence: int, payload: bytes) -> None:
        known = self._waiting.get(sequence)
        if known is not None and len(known) >= len(payload):
            return
        self._waiting_bytes += len(payload) - len(known or b"")
        self._waiting[sequence] = payload
        if self._waiting_bytes > PATIENCE_BYTES or len(self._waiting) > _PATIENCE_SEGMENTS:
            self.lose_rest()

    def _following(self) -> bytes | None:
        """The waiting bytes that come next, if they are here."""
        assert self.next_sequence is not None
        exact = self._waiting.pop(self.next_sequence, None)
        if exact is not None:
            self._waiting_bytes -= len(exact)
            return exact
        for sequence in list(self._waiting):
            behind = (self.next_sequence - sequence) % _WRAP
            if behind < _HALF:
                payload = self._waiting.pop(sequence)
                self._waiting_bytes -= len(payload)
                if behind < len(payload):
                    return payload[behind:]
        return None
