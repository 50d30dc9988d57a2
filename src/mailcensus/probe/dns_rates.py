"""Rates of questions: for each resolver, and for each authority that it has to ask in turn.

Which servers a resolver asks for us is not to be seen from here. What stands for an authority is the registered
domain of the name asked (its name servers are those of its owner or his provider), or of an address its /16 or /32.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from mailcensus.population.registered_domains import registered_domain

_MOST_REMEMBERED = 50_000
_REVERSE_LABELS = {"in-addr.arpa": 4, "ip6.arpa": 10}
"""Labels of the name that stands for an authority of reverse names: /16 of IPv4, /32 of IPv6."""


class Pace:
    """Turns at least so far apart, for each of any number of keys; those of one key in the order of asking."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._spacing_s = 1 / per_s
        self._clock = clock
        self._free_at: dict[str, float] = {}

    def reserve(self, key: str) -> float:
        """How many seconds to wait for the turn that is now this caller's."""
        now = self._clock()
        begin = max(now, self._free_at.get(key, now))
        self._free_at[key] = begin + self._spacing_s
        if len(self._free_at) > _MOST_REMEMBERED:
            self._free_at = {key: at for key, at in self._free_at.items() if at > now}
        return begin - now

    async def wait(self, key: str) -> None:
        """Wait for a turn."""
        left_s = self.reserve(key)
        if left_s > 0:
            await asyncio.sleep(left_s)


def authority_of(name: str) -> str:
    """What stands for the authority of a name in lower case, without its last dot."""
    for suffix, labels in _REVERSE_LABELS.items():
        if name.endswith(suffix):
            return ".".join(name.split(".")[-labels:])
    return registered_domain(name) or name
