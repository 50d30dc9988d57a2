"""Caps on connections: what one client, or all of them, may hold open, and how many may come in a second."""

from __future__ import annotations

from collections import Counter
from enum import Enum


class Admission(Enum):
    """What becomes of a new connection."""

    WELCOME = "welcome"
    TURNED_AWAY = "turned_away"
    """Told 421, and recorded."""
    DROPPED = "dropped"
    """Closed unread, and counted."""


class Gate:
    """Counts who is in.

    Attributes:
        dropped: connections that were dropped.
    """

    def __init__(self, *, connections: int, client_connections: int, connections_per_s: float) -> None:
        self._connections, self._client_connections = connections, client_connections
        self._rate = connections_per_s
        self._burst = max(connections_per_s, 1.0)
        self._tokens = self._burst
        self._filled_at_s = 0.0
        self._clients: Counter[str] = Counter()
        self._open = 0
        self.dropped = 0

    def admit(self, client_ip: str, now_s: float) -> Admission:
        """Ask for a place; give it back with `leave` when welcome."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._filled_at_s) * self._rate)
        self._filled_at_s = now_s
        if self._tokens < 1.0:
            self.dropped += 1
            return Admission.DROPPED
        self._tokens -= 1.0
        if self._open >= self._connections or self._clients[client_ip] >= self._client_connections:
            if not self._clients[client_ip]:
                del self._clients[client_ip]
            return Admission.TURNED_AWAY
        self._open += 1
        self._clients[client_ip] += 1
        return Admission.WELCOME

    def leave(self, client_ip: str) -> None:
        """A welcome connection is over."""
        self._open -= 1
        self._clients[client_ip] -= 1
        if not self._clients[client_ip]:
            del self._clients[client_ip]
