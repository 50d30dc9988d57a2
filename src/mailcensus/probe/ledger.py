"""What was sent to whom: every connection counted as the dialer begins it, by network, by second and by hour.

Counting is on the way of every connection, so it is one addition in a dict of the present second. When the second is
over that dict is folded into the counts of the hour, where peaks are taken too. Whoever writes the counts to disk
takes them away (`take`), so what is in memory is what was sent since: a few seconds' worth.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mailcensus.population.address import parse_address, reached_address
from mailcensus.population.network import network_of
from mailcensus.probe.politeness import AsOf

HOUR_S = 3600


@dataclass(slots=True)
class Sent:
    """To one network."""

    asn: int | None
    attempts: int = 0
    peak_per_s: int = 0

    def add(self, other: Sent) -> None:
        """Count what another part of the same hour holds."""
        self.attempts += other.attempts
        self.peak_per_s = max(self.peak_per_s, other.peak_per_s)


@dataclass(slots=True)
class SentInHour:
    """What was sent within one hour, or a part of it."""

    hour: int
    """Its beginning, in seconds since the Unix epoch."""
    networks: dict[int, Sent] = field(default_factory=dict)
    """By number of the network (`population.network`)."""
    attempts: int = 0
    peak_per_s: int = 0
    peak_at: int = 0
    """The second of the peak, since the epoch."""
    peak_as_per_s: int | None = None
    peak_open: int = 0

    def add(self, other: SentInHour) -> None:
        """Count what another part of the same hour holds."""
        for network, sent in other.networks.items():
            self.networks.setdefault(network, Sent(sent.asn)).add(sent)
        self.attempts += other.attempts
        if other.peak_per_s > self.peak_per_s:
            self.peak_per_s, self.peak_at = other.peak_per_s, other.peak_at
        if other.peak_as_per_s is not None:
            self.peak_as_per_s = max(self.peak_as_per_s or 0, other.peak_as_per_s)
        self.peak_open = max(self.peak_open, other.peak_open)


class Ledger:
    """Counts connections, and slices of packets that an engine has sent."""

    def __init__(self, clock: Callable[[], float] = time.time, as_of: AsOf | None = None) -> None:
        """Begin a ledger.

        Args:
            clock: seconds since the Unix epoch.
            as_of: tells the autonomous system of a network; None where that is not known.
        """
        self._clock = clock
        self._as_of = as_of
        self._second = int(clock())
        self._now: dict[int, int] = {}
        self._peak_open = 0
        self._hours: dict[int, SentInHour] = {}

    def count(self, version: int, value: int, now_open: int) -> None:
        """Count a connection that begins now.

        Args:
            version: IP version.
            value: the address as a number.
            now_open: connections open now, this one included.
        """
        second = int(self._clock())
        if second != self._second:
            self._close_second()
            self._second = second
        network = network_of(version, value)
        now = self._now
        now[network] = now.get(network, 0) + 1
        if now_open > self._peak_open:
            self._peak_open = now_open

    def count_slice(self, addresses: Iterable[str], packets_each: int, per_s: float) -> None:
        """Count packets that an engine of its own has sent at a rate of its own, up to now.

        Args:
            addresses: who was sent packets.
            packets_each: how many each was sent.
            per_s: packets a second; what one network got within a second was not seen, and counts as one packet.
        """
        counts = Counter(network_of(*reached_address(*parse_address(ip))) for ip in addresses)
        hour = self._hour_of(int(self._clock()))
        for network, addressed in counts.items():
            hour.networks.setdefault(network, Sent(self._asn(network))).add(
                Sent(None, addressed * packets_each, 1)
            )
        hour.attempts += counts.total() * packets_each
        peak_per_s = min(round(per_s), counts.total() * packets_each)
        if peak_per_s > hour.peak_per_s:
            hour.peak_per_s, hour.peak_at = peak_per_s, int(self._clock())

    def take(self, *, everything: bool = False) -> list[SentInHour]:
        """What was counted since the last call, hours ascending.

        Args:
            everything: the second that is not over too; what comes in it later counts as a second of its own.
        """
        if everything or int(self._clock()) != self._second:
            self._close_second()
        taken = sorted(self._hours.values(), key=lambda sent: sent.hour)
        self._hours = {}
        return taken

    def _close_second(self) -> None:
        """Fold the second into its hour."""
        if not self._now:
            return
        hour, total = self._hour_of(self._second), 0
        by_system: dict[int, int] = {}
        for network, attempts in self._now.items():
            sent = hour.networks.get(network)
            if sent is None:
                sent = hour.networks[network] = Sent(self._asn(network))
            sent.add(Sent(None, attempts, attempts))
            total += attempts
            if sent.asn is not None:
                by_system[sent.asn] = by_system.get(sent.asn, 0) + attempts
        self._count_peaks(hour, total, by_system)
        self._now = {}
        self._peak_open = 0

    def _count_peaks(self, hour: SentInHour, total: int, by_system: dict[int, int]) -> None:
        hour.attempts += total
        if total > hour.peak_per_s:
            hour.peak_per_s, hour.peak_at = total, self._second
        hour.peak_open = max(hour.peak_open, self._peak_open)
        if by_system:
            hour.peak_as_per_s = max(hour.peak_as_per_s or 0, *by_system.values())

    def _hour_of(self, second: int) -> SentInHour:
        began = second - second % HOUR_S
        return self._hours.setdefault(began, SentInHour(began))

    def _asn(self, network: int) -> int | None:
        return None if self._as_of is None else self._as_of(network)
