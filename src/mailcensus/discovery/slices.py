"""A sweep by a packet engine, slice by slice.

No packet engine can be relied on to go on where it was stopped, and each has an order of its own. So the order of
asking is cut into slices of some minutes, and each slice is one call of the engine for each port. A slice is done
with when the engine has ended well and its cool-down has passed; only then the position moves on. A kill repeats the
unfinished slice and nothing else; hits are stored as they come, and a hit that is found twice is one.

Politeness. An engine sends a slice in an order of its own, at one rate. The slice is a piece of a permutation, so
the addresses of one /24 are spread over it as evenly as chance has it; over its duration no /24 gets more packets a
second than `politeness.prefix_connections_per_s`, and no autonomous system more than
`politeness.as_connections_per_s` where the study has that: where a slice is so dense that one would, it is sent more
slowly, and so takes longer. Others who ask at the same time through the dialer share the rate: an engine takes most of
it, and the dialer keeps to the rest while the engine sends.

Exclusions are looked at again every half second. When one comes in that touches the slice, the engine is killed at
once and begins the slice again without it.

Packet engines ask IPv4 alone. IPv6 addresses of a slice are asked by the built-in engine, after the packets.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

from mailcensus.discovery.connect import ConnectSweep, Tally
from mailcensus.discovery.engines import Answer, Engine, Job, run_engine
from mailcensus.discovery.frontier import Frontier
from mailcensus.discovery.route import may_send_packets, route_to
from mailcensus.model import Hit
from mailcensus.population import Exclusions, Population
from mailcensus.population.address import format_address, parse_address
from mailcensus.population.network import network_of
from mailcensus.population.ranges import Ranges
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.politeness import AsOf
from mailcensus.study import StageFailed, Study
from mailcensus.study.sections import PolitenessSection

_LOG = logging.getLogger(__name__)

MOST_POSITIONS = 1 << 19
"""Of a slice, whatever the rate: their addresses are held in memory."""
SHARE_OF_RATE = 0.8
"""What an engine takes of the rate; the rest is for who asks beside it."""
_LOOK_S = 0.5
_CHUNK = 5_000
"""Addresses looked up among the exclusions at a time, some ms, before others get their turn."""
_IPV4_END = 1 << 32


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of the order of asking."""

    first: int
    stop: int
    """The position after its last one."""
    ipv4: tuple[str, ...]
    ipv6: tuple[tuple[int, str], ...]
    """With their positions."""


def cut(population: Population, first: int, rate_per_s: float, slice_s: float) -> Slice:
    """The slice that begins at a position: as much as the rate manages in the time, and no more than fits."""
    size = min(MOST_POSITIONS, max(1, math.ceil(rate_per_s * slice_s)))
    stop = min(first + size, population.order.positions)
    targets = list(takewhile(lambda target: target[0] < stop, population.targets(first)))
    return Slice(
        first,
        stop,
        tuple(ip for _, ip in targets if ":" not in ip),
        tuple(target for target in targets if ":" in target[1]),
    )


def polite_rate_per_s(
    addresses: Sequence[str], most_per_s: float, politeness: PolitenessSection, as_of: AsOf | None = None
) -> float:
    """Packets a second at which no /24 and no system of a slice gets more than it may, over the slice's duration.

    Args:
        addresses: IPv4, of the slice.
        most_per_s: what an engine may send over everything.
        politeness: what a /24 and a system may be sent.
        as_of: tells the system of a network; needed where the study limits systems.
    """
    rates = [most_per_s]
    networks = Counter(ip.rpartition(".")[0] for ip in addresses)
    if networks:
        rates.append(politeness.prefix_connections_per_s * len(addresses) / max(networks.values()))
    if politeness.as_connections_per_s is not None and as_of is not None:
        systems: Counter[int] = Counter()
        for network, count in networks.items():
            asn = as_of(network_of(*parse_address(f"{network}.0")))
            if asn is not None:
                systems[asn] += count
        if systems:
            rates.append(politeness.as_connections_per_s * len(addresses) / max(systems.values()))
    return min(rates)


class SliceSweep:
    """Asks slices by one engine."""

    def __init__(
        self, engine: Engine, study: Study, dialer: Dialer, on_hit: Callable[[Hit], object], *, run_id: str
    ) -> None:
        """Prepare; nothing is started."""
        self._engine = engine
        self._study = study
        self._settings = study.settings.discovery
        self._dialer = dialer
        self._on_hit = on_hit
        self._run_id = run_id
        self._said = False
        self.tally = Tally()
        self.sent = 0.0
        """Share of the present slice that is sent."""

    @property
    def most_per_s(self) -> float:
        """Packets a second that an engine sends at most, now."""
        return self._dialer.rate_per_s * SHARE_OF_RATE

    async def ask(self, piece: Slice) -> None:
        """Ask every port of every address of a slice; returns when all answers are in.

        Raises:
            StageFailed: the engine, or this machine, cannot do it.
        """
        hits_before, self.sent = self.tally.hits, 0.0
        allowed = await self._allowed(piece.ipv4)
        for count, port in enumerate(self._settings.ports):
            allowed = await self._ask_port(piece, allowed, port, count)
        asked = len(allowed) * len(self._settings.ports)
        self.tally.unanswered += max(0, asked - (self.tally.hits - hits_before))
        if piece.ipv6:
            await self._ask_ipv6(piece)

    async def _ask_port(self, piece: Slice, allowed: list[str], port: int, count: int) -> list[str]:
        """One port of a slice, begun again as often as exclusions come in that touch it; gives who was asked."""
        answered: set[str] = set()
        ports = len(self._settings.ports)

        def on_answer(answer: Answer) -> None:
            if answer.ip not in answered:
                answered.add(answer.ip)
                self.tally.hits += 1
                self._on_hit(self._hit(answer))

        def on_sent(share: float) -> None:
            self.sent = (count + share) / ports

        while allowed:
            with TemporaryDirectory(prefix="mailcensus-") as directory:
                job = self._job(Path(directory), allowed, port, piece.first)
                rest = await self._run(job, allowed, on_answer, on_sent)
            if rest is None:
                return allowed
            allowed = rest
        return allowed

    async def _run(
        self,
        job: Job,
        allowed: list[str],
        on_answer: Callable[[Answer], None],
        on_sent: Callable[[float], None],
    ) -> list[str] | None:
        """Run the engine under the eyes of the exclusions; who is left where they stopped it, None at its end."""
        exclusions = self._dialer.exclusions
        seen = _state(exclusions)
        self._dialer.set_aside(job.rate_per_s)
        task = asyncio.ensure_future(run_engine(self._engine, job, on_answer, on_sent, self._dialer.lease))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=_LOOK_S)
                if _is_same(seen, now := _state(exclusions)):
                    continue
                seen = now
                rest = await self._allowed(allowed)
                if len(rest) < len(allowed) and not task.done():
                    return rest
            task.result()
            return None
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._dialer.set_aside(0.0)
            self._count(job, allowed)

    def _count(self, job: Job, addresses: Sequence[str]) -> None:
        """Into the ledger. A slice that was stopped counts as if all of it had been sent: we cannot know."""
        ledger = self._dialer.ledger
        if ledger is not None:
            ledger.count_slice(addresses, 1 + self._settings.retries, job.rate_per_s)

    def _job(self, directory: Path, allowed: Sequence[str], port: int, first: int) -> Job:
        politeness = self._study.settings.politeness
        rate_per_s = polite_rate_per_s(allowed, self.most_per_s, politeness, self._dialer.as_of)
        self._say_if_slow(rate_per_s)
        directory.chmod(0o755)  # zmap gives up root before it reads
        targets, exclusions = directory / "targets.txt", directory / "exclusions.txt"
        try:
            targets.write_text("\n".join(allowed) + "\n")
            exclusions.write_text("".join(f"{prefix}\n" for prefix in _prefixes(self._dialer.exclusions)))
        except OSError as error:
            raise StageFailed(
                f"{directory}: cannot be written ({error.strerror}); free some space for temporary files and run the "
                "same command again"
            ) from None
        return Job(
            targets=targets,
            exclusions=exclusions,
            port=port,
            rate_per_s=rate_per_s,
            seed=(self._study.settings.population.seed + first) % (1 << 31),
            route=route_to(allowed[0], self._settings),
            settings=self._settings,
        )

    def _say_if_slow(self, rate_per_s: float) -> None:
        wanted = self.most_per_s
        if rate_per_s < wanted / 2 and not self._said:
            self._said = True
            _LOG.warning(
                "%s sends %.3g packets a second, not %.3g: the population is so dense that a /24 or a system would "
                "get more than politeness.prefix_connections_per_s or politeness.as_connections_per_s allows",
                self._engine.name,
                rate_per_s,
                wanted,
            )

    async def _allowed(self, addresses: Sequence[str]) -> list[str]:
        """Those that may be asked now; the others are counted as excluded."""
        exclusions = self._dialer.exclusions
        allowed: list[str] = []
        for begin in range(0, len(addresses), _CHUNK):
            for ip in addresses[begin : begin + _CHUNK]:
                version, value = parse_address(ip)
                if exclusions.contains_value(version, value):
                    exclusions.count_refusal(version, value)
                else:
                    allowed.append(ip)
            await asyncio.sleep(0)
        self.tally.excluded += len(addresses) - len(allowed)
        return allowed

    async def _ask_ipv6(self, piece: Slice) -> None:
        frontier = Frontier(iter(piece.ipv6), piece.first, piece.stop)
        sweep = ConnectSweep(
            self._dialer, frontier, self._on_hit, run_id=self._run_id, settings=self._settings
        )
        workers = min(self._study.settings.politeness.in_flight, len(piece.ipv6))
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(sweep.work())
        self.tally.add(sweep.tally)

    def _hit(self, answer: Answer) -> Hit:
        return Hit(
            run_id=self._run_id,
            seen_at=answer.seen_at,
            ip=answer.ip,
            port=answer.port,
            engine=self._engine.name,
        )


def check_rights(engine: Engine) -> None:
    """Refuse to begin without what every packet engine needs.

    Raises:
        StageFailed: this process may not open raw sockets.
    """
    if not may_send_packets():
        raise StageFailed(
            f'{engine.name} needs root (raw sockets, CAP_NET_RAW); run as root or set discovery.engine = "connect"'
        )


def _state(exclusions: Exclusions) -> list[object]:
    """What tells that the exclusions are others than they were; asking makes them look at their files."""
    exclusions.contains_value(4, 0)
    return list(exclusions.by_file.values())


def _is_same(one: list[object], two: list[object]) -> bool:
    return len(one) == len(two) and all(a is b for a, b in zip(one, two, strict=True))


def _prefixes(exclusions: Exclusions) -> list[str]:
    """Everything excluded in IPv4, as prefixes."""
    pairs = chain.from_iterable(prefixes.ipv4.pairs() for prefixes in exclusions.by_file.values())
    return [prefix for start, stop in Ranges.of(pairs).pairs() for prefix in prefixes_of(start, stop)]


def prefixes_of(start: int, stop: int) -> list[str]:
    """The fewest IPv4 prefixes that make up a range [start, stop)."""
    prefixes: list[str] = []
    while start < stop:
        size = start & -start or _IPV4_END
        while size > stop - start:
            size >>= 1
        prefixes.append(f"{format_address(4, start)}/{33 - size.bit_length()}")
        start += size
    return prefixes
