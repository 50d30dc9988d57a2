"""Whose turn it is: rates and numbers of open connections, for everything together and for each network.

Connections pass a small tree of gates, from the leaf to the root: the address (one connection at a time), its
network (/24 or /48: a rate and a number open), its autonomous system where the study wants that (a rate),
everything (a rate and a number open). A connection starts when all gates on its way let it through at the same
moment. Whoever cannot yet waits in a queue at the first gate; a gate with somebody waiting that may let one through
waits in its parent's queue in turn, once, and goes to the back after each. So within a network it is first come,
first served, and networks take turns: one that many wait for holds up nobody else. A network belongs to the system
of its first address; one whose system is not known stands right below everything.

No one polls. A gate that waits for time to pass stands in a heap by its time; a gate that is full is looked at when
a connection ends. Each step costs the depth of the tree and at most one heap operation, however many wait. Gates
are kept while somebody is in them or they still have a start to remember, then forgotten; systems after their
networks.

Rates: a gate lets starts through `spacing_s` apart, and allows itself to be `CATCH_UP_S` behind, since timers fire
late (the generic cell rate algorithm, ITU-T I.371, as a virtual schedule). The spacing is stretched so much that
even so no window of a second or more holds more starts than the rate allows:
    starts in [t, t + T) <= ceil((T + CATCH_UP_S) / spacing_s) <= ceil(rate * T)  for T >= 1 s.

A turn and the start it is for are two moments: whoever has the turn runs some time later, on a busy machine many
milliseconds. So turns are `spacing_s` apart, and so are starts (`begin`) from where they really were, with every turn
that is out in between. Starts that are late may come at one moment: those after them wait so much longer, and no
window of a second holds more for it, since no more than a second's worth of turns are out at a time.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mailcensus.population.network import network_of
from mailcensus.study.sections import PolitenessSection

CATCH_UP_S = 0.005
"""How far behind its schedule a gate may be and still make up for it."""

_IPV6_KEY = 1 << 128
"""Sets the key of an IPv6 address apart from that of an IPv4 one."""

AsOf = Callable[[int], int | None]
"""The autonomous system of a network (`population.network`), by its first address; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one gate allows."""

    spacing_s: float
    open: int
    coming: int
    """Turns that may be out without having begun: a second's worth, since all may begin at one moment."""

    @classmethod
    def of(cls, connections_per_s: float, open_connections: int) -> Limit:
        """The limit of a rate and a number of open connections."""
        return cls((1.0 + CATCH_UP_S) / connections_per_s, open_connections, math.ceil(connections_per_s))


_ONE_AT_A_TIME = Limit(spacing_s=0.0, open=1, coming=1)


class Gate:
    """One limit with its present state."""

    __slots__ = (
        "begins_at", "coming", "home", "key", "limit", "networks", "offered", "open", "parent", "queue", "remind_at",
        "turn_at",
    )  # fmt: skip

    def __init__(self, limit: Limit, parent: Gate | None, home: dict[int, Gate], key: int) -> None:
        self.limit = limit
        self.parent = parent
        self.home = home
        self.key = key
        self.open = 0
        self.coming = 0
        """Turns that are out and have not begun; they are open too."""
        self.networks = 0
        """Networks right below it that are kept in mind."""
        self.turn_at = -math.inf
        """When the next turn may be given, by when the last ones were."""
        self.begins_at = -math.inf
        """When the next connection may begin, by when the last ones did."""
        self.queue: deque[Gate | Ticket] | None = None
        self.offered = False
        """Stands in the parent's queue."""
        self.remind_at = math.inf

    @property
    def is_full(self) -> bool:
        """Whether no turn may be given before one that is out ends, or begins."""
        return self.open >= self.limit.open or self.coming >= self.limit.coming

    @property
    def ready_at(self) -> float:
        """When the next turn may be given, unless it is full."""
        begun = self.begins_at + self.coming * self.limit.spacing_s
        return begun if begun > self.turn_at else self.turn_at

    def enqueue(self, entry: Gate | Ticket) -> None:
        if self.queue is None:  # most addresses never need one
            self.queue = deque()
        self.queue.append(entry)


class Ticket:
    """One connection's place, from asking until it leaves."""

    __slots__ = ("admitted", "begun", "gate", "gone", "on_turn")

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.on_turn: Callable[[], None] | None = None
        """Called when the turn has come after a wait; it must not call back into the gates."""
        self.admitted = False
        self.begun = False
        self.gone = False


class Politeness:
    """The gates, and who waits at them. Pure: it reads the clock it is given and calls back, nothing else."""

    def __init__(
        self,
        settings: PolitenessSection,
        clock: Callable[[], float] = time.monotonic,
        as_of: AsOf | None = None,
    ) -> None:
        """Make the gates.

        Args:
            settings: what they allow.
            clock: seconds on any steady scale.
            as_of: tells the system of a network; needed where the study limits systems.
        """
        self._clock = clock
        self._settings = settings
        self._network_limit = Limit.of(settings.prefix_connections_per_s, settings.prefix_connections)
        as_rate = settings.as_connections_per_s
        self._as_limit = None if as_rate is None else Limit.of(as_rate, settings.in_flight)
        self._as_of = as_of
        self._rate_per_s, self._most_open = settings.connections_per_s, settings.in_flight
        self._aside_per_s = 0.0
        self._root = Gate(Limit.of(self._rate_per_s, self._most_open), None, {}, 0)
        self._addresses: dict[int, Gate] = {}
        self._networks: dict[int, Gate] = {}
        self._systems: dict[int, Gate] = {}
        self._reminders: list[tuple[float, int, Gate]] = []
        self._reminder_count = 0
        self.waiting = 0
        """How many have asked and not had their turn."""

    @property
    def open(self) -> int:
        """How many are admitted and have not left."""
        return self._root.open

    @property
    def remembered(self) -> int:
        """How many addresses, networks and systems are kept in mind."""
        return len(self._addresses) + len(self._networks) + len(self._systems)

    def set_aside(self, connections_per_s: float) -> None:
        """From now on let so many fewer start in a second over everything, though at least a hundredth; 0: none."""
        self._aside_per_s = connections_per_s
        self._set_root()

    def keep_to_share(self, share: float) -> None:
        """From now on keep to a share of the rate and of the open connections over everything; others have the rest.

        Args:
            share: more than 0, at most 1. One connection may be open however small it is.
        """
        self._rate_per_s = self._settings.connections_per_s * share
        self._most_open = max(1, int(self._settings.in_flight * share))
        self._set_root()

    @property
    def rate_per_s(self) -> float:
        """What may start in a second over everything, with what is set aside."""
        return self._rate_per_s

    @property
    def keeps_to_share(self) -> bool:
        """Whether no more is open, and no more set aside, than a share that was made smaller leaves."""
        return self.open <= self._most_open and self._aside_per_s + self._least_per_s <= self._rate_per_s

    @property
    def _least_per_s(self) -> float:
        return self._rate_per_s / 100

    def _set_root(self) -> None:
        rate_per_s = max(self._rate_per_s - self._aside_per_s, self._least_per_s)
        self._root.limit = Limit.of(rate_per_s, self._most_open)

    def ask(self, version: int, value: int) -> Ticket:
        """Ask for a turn to connect to an address.

        Args:
            version: IP version.
            value: the address as a number.

        Returns:
            A ticket; where it is not yet `admitted`, its `on_turn` will be called. Call `begin` in the moment in which
            the connection is begun, and `leave` in the end.
        """
        now = self._clock()
        self._remind_due(now)
        address = self._address_gate(version, value)
        ticket = Ticket(address)
        if self._free_all_the_way(address, now):
            self._admit(ticket, now)
        else:
            self.waiting += 1
            address.enqueue(ticket)
            self._offer(address, now)
            self._pump(now)
        return ticket

    def begin(self, ticket: Ticket) -> None:
        """The connection of an admitted ticket begins now; until then the turns behind it wait."""
        ticket.begun = True
        now = self._clock()
        way = _way(ticket.gate)
        for gate in way:
            gate.coming -= 1
            gate.begins_at = _next(gate.begins_at, now, gate.limit)
        if self.waiting:
            for gate in way:
                self._offer(gate, now)
            self._pump(now)

    def leave(self, ticket: Ticket) -> None:
        """Give a place back: the connection has ended, or whoever waited waits no longer. Once is enough."""
        if ticket.gone:
            return
        ticket.gone = True
        now = self._clock()
        self._remind_due(now)
        if ticket.admitted:
            way = _way(ticket.gate)
            for gate in way:
                gate.open -= 1
                if not ticket.begun:
                    gate.coming -= 1
            for gate in way:
                self._settle(gate, now)
        else:
            self.waiting -= 1
        self._pump(now)

    def advance(self) -> None:
        """Give their turn to those whose time has come."""
        now = self._clock()
        self._remind_due(now)
        self._pump(now)

    def next_at(self) -> float | None:
        """When `advance` should next be called, on the clock's scale; None while only `begin` or `leave` can help."""
        if not self.waiting:
            return None
        while self._reminders and self._reminders[0][2].remind_at != self._reminders[0][0]:
            heapq.heappop(self._reminders)
        return self._reminders[0][0] if self._reminders else None

    def _address_gate(self, version: int, value: int) -> Gate:
        key = value if version == 4 else value | _IPV6_KEY
        address = self._addresses.get(key)
        if address is None:
            network_key = network_of(version, value)
            network = self._networks.get(network_key)
            if network is None:
                above = self._above_network(network_key)
                network = Gate(self._network_limit, above, self._networks, network_key)
                above.networks += 1
                self._networks[network_key] = network
            address = self._addresses[key] = Gate(_ONE_AT_A_TIME, network, self._addresses, key)
        return address

    def _above_network(self, network: int) -> Gate:
        """The gate of a network's system; the root where there is none."""
        if self._as_limit is None or self._as_of is None or (asn := self._as_of(network)) is None:
            return self._root
        system = self._systems.get(asn)
        if system is None:
            system = self._systems[asn] = Gate(self._as_limit, self._root, self._systems, asn)
        return system

    def _free_all_the_way(self, leaf: Gate, now: float) -> bool:
        gate: Gate | None = leaf
        while gate is not None:
            if gate.queue or gate.is_full or now < gate.ready_at:
                return False
            gate = gate.parent
        return True

    def _admit(self, ticket: Ticket, now: float) -> None:
        ticket.admitted = True
        gate: Gate | None = ticket.gate
        while gate is not None:
            gate.open += 1
            gate.coming += 1
            gate.turn_at = _next(gate.turn_at, now, gate.limit)
            gate = gate.parent

    def _offer(self, gate: Gate, now: float) -> None:
        """Queue a gate at its parent, and so on upwards, where somebody waits in it and may pass it."""
        while gate.parent is not None and not gate.offered and gate.queue and not gate.is_full:
            if now < gate.ready_at:
                self._remind(gate, gate.ready_at)
                return
            gate.offered = True
            gate.parent.enqueue(gate)
            gate = gate.parent

    def _pump(self, now: float) -> None:
        """Let through all who may pass the root."""
        root = self._root
        while root.queue and not root.is_full:
            if now < root.ready_at:
                self._remind(root, root.ready_at)
                return
            ticket = self._first(root, now)
            if ticket is None:
                return
            self.waiting -= 1
            self._admit(ticket, now)
            for gate in _way(ticket.gate):
                self._offer(gate, now)
            if ticket.on_turn is not None:
                ticket.on_turn()

    def _first(self, gate: Gate, now: float) -> Ticket | None:
        """Take the first who still waits out of a gate's queue, and out of those of the gates in it."""
        while gate.queue:
            entry = gate.queue.popleft()
            if isinstance(entry, Ticket):
                ticket = None if entry.gone else entry
            else:
                entry.offered = False
                ticket = self._first(entry, now)
                if ticket is None:
                    self._settle(entry, now)
            if ticket is not None:
                return ticket
        return None

    def _settle(self, gate: Gate, now: float) -> None:
        """After a gate has emptied a little: offer it if somebody waits, forget it if nobody will miss it."""
        if gate.queue:
            self._offer(gate, now)
        elif gate.open == 0 and gate.networks == 0 and gate.parent is not None:
            if now >= gate.ready_at + CATCH_UP_S or gate.limit.spacing_s == 0.0:
                self._forget(gate, gate.parent, now)
            else:
                self._remind(gate, gate.ready_at + CATCH_UP_S)

    def _forget(self, gate: Gate, parent: Gate, now: float) -> None:
        if gate.home.get(gate.key) is not gate:
            return  # a system goes with its last network, before its own turn
        del gate.home[gate.key]
        if gate.home is self._networks:
            parent.networks -= 1
            if parent.networks == 0:
                self._settle(parent, now)

    def _remind(self, gate: Gate, at: float) -> None:
        if at < gate.remind_at:
            gate.remind_at = at
            self._reminder_count += 1
            heapq.heappush(self._reminders, (at, self._reminder_count, gate))

    def _remind_due(self, now: float) -> None:
        while self._reminders and self._reminders[0][0] <= now:
            at, _, gate = heapq.heappop(self._reminders)
            if gate.remind_at == at:
                gate.remind_at = math.inf
                self._settle(gate, now)


def _next(at: float, now: float, limit: Limit) -> float:
    """When the one after one of now may come, where that one might have come at a time."""
    earliest = now - CATCH_UP_S
    return (at if at > earliest else earliest) + limit.spacing_s


def _way(leaf: Gate) -> tuple[Gate, ...]:
    """A gate and those above it, up to the root."""
    way = [leaf]
    while (parent := way[-1].parent) is not None:
        way.append(parent)
    return tuple(way)
