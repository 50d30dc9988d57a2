"""How often one client may ask: token buckets in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mailcensus.population.address import format_address, parse_address

_MOST_CLIENTS = 20_000
"""Buckets kept; beyond that the one untouched for longest is forgotten, which makes it full again."""
_IPV6_CLIENT_BITS = 64
"""What one machine has, RFC 7421: its addresses within are as many as it likes."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and so many an hour."""

    burst: int
    per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one client, except where it says all clients."""

    pages: Rate = Rate(60, 3_600)
    changes: Rate = Rate(10, 60)
    """Opting out, withdrawing, confirming."""
    lookups: Rate = Rate(5, 30)
    """Reading the dataset costs most."""
    requests: Rate = Rate(5, 10)
    all_requests: Rate = Rate(100, 600)
    """Of all clients together; each may cost a mail."""
    all_checks: Rate = Rate(20, 1_200)
    """Questions to DNS by all clients together, each of up to 128 names."""


class Limiter:
    """One rate for each of many clients."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Take one; 0, or in how many seconds there will be one again.

        Args:
            client: an address, or any other name (all clients together have one).
        """
        key, now = _network(client), self._clock()
        left, at = self._buckets.pop(key, (float(self._rate.burst), now))
        per_s = self._rate.per_hour / 3_600
        left = min(float(self._rate.burst), left + (now - at) * per_s)
        wait = 0.0 if left >= 1 else (1 - left) / per_s
        self._buckets[key] = (left - 1 if not wait else left, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return wait


def _network(client: str) -> str:
    try:
        version, value = parse_address(client)
    except ValueError:
        return client
    if version == 4:
        return client
    return format_address(6, value >> _IPV6_CLIENT_BITS << _IPV6_CLIENT_BITS)
