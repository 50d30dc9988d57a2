"""What one operator is told: their own hosts as they are, everybody else under pseudonyms.

Nothing but what stands in these records goes into a letter or file. Own addresses and names, words out of our own
tables, numbers and pseudonyms: no field holds anything that another host said or that names somebody else. A key that
a host of others shows too is a way to find that host, so it has a pseudonym; so has a reverse name that others have.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from mailcensus.outreach.notices_findings import PRIORITY, Concern, Findings, KeyFacts
from mailcensus.outreach.notices_groups import Group
from mailcensus.outreach.pseudonyms import Kind, Pseudonyms

PEERS_MAX = 20
"""Hosts of others listed of one key; how many there are is told all the same."""
UNPLACED = "operator-unknown"


@dataclass(frozen=True, slots=True)
class Peer:
    """A host of somebody else that shows one of the recipient's keys."""

    host: str
    operator: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToldKey:
    """A key that concerns the recipient."""

    key: str
    """SHA-256 of its SubjectPublicKeyInfo; a pseudonym where others show it too."""
    algorithm: str | None
    bits: int | None
    flaws: tuple[str, ...]
    hosts_here: int
    """The recipient's hosts that show it."""
    others: int
    """Hosts of others that do."""
    operators: int
    """Different operators of these, those aside of whom it is not known who runs them."""
    peers: tuple[Peer, ...]
    """At most PEERS_MAX of these hosts, in no order that says anything."""


@dataclass(frozen=True, slots=True)
class ToldFinding:
    """One thing about one host."""

    concern: Concern
    priority: int
    services: tuple[str, ...]
    ports: tuple[int, ...]
    key: str | None
    """As in ToldKey; None: it is no matter of a key."""
    flaws: tuple[str, ...]
    """What is known against the key, or the flaws of its TLS."""


@dataclass(frozen=True, slots=True)
class ToldHost:
    """A host of the recipient."""

    ip: str
    name: str | None
    """Its reverse name that points back at it; None: none, or others have it too."""
    findings: tuple[ToldFinding, ...]

    @property
    def priority(self) -> int:
        """Of its worst finding."""
        return self.findings[0].priority


@dataclass(frozen=True, slots=True)
class Told:
    """All of it, the worst first."""

    you: str
    """The pseudonym that the recipient would have in their own notice: it tells with which secret names were made."""
    hosts: tuple[ToldHost, ...]
    keys: tuple[ToldKey, ...]


class Teller:
    """Tells each operator what concerns them."""

    def __init__(
        self,
        findings: Findings,
        groups: Sequence[Group],
        secret: bytes,
        port_of: Callable[[str], int],
        concerns: frozenset[Concern] = frozenset(Concern),
    ) -> None:
        """Take in what there is to tell, and whose each host is.

        Args:
            port_of: the port on which the study asks a service.
            concerns: what to tell of; all others stay untold.
        """
        self._secret = secret
        self._port_of = port_of
        self._concerns = concerns
        self._hygiene = findings.hygiene if Concern.HYGIENE in concerns else {}
        self._group_of = {host.ip: place for place, group in enumerate(groups) for host in group.hosts}
        self._groups = groups
        self._names = _names_of_one(groups)
        self._keys_of: dict[int, list[_SharedKey]] = {}
        self._unplaced: set[str] = set()
        for key in findings.keys:
            self._take(key)

    def _take(self, key: KeyFacts) -> None:
        here: dict[int | None, list[str]] = {}
        for ip in key.shown_by:
            here.setdefault(self._group_of.get(ip), []).append(ip)
        shared = _SharedKey(key, here, self._shuffled(key.shown_by) if len(here) > 1 else ())
        unplaced = here.get(None, [])
        if not self._concerns.isdisjoint(key.concerns(len(key.shown_by) > 1, 1)):
            self._unplaced.update(unplaced)
        for place in here:
            if place is not None:
                self._keys_of.setdefault(place, []).append(shared)

    def _shuffled(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """In an order that only the secret knows: which of them are listed says nothing of them."""
        return tuple(
            sorted(addresses, key=lambda ip: hmac.digest(self._secret, b"order\0" + ip.encode(), "sha256"))
        )

    def concerned_unplaced(self) -> set[str]:
        """Addresses of hosts with something to tell, of which it is not known whose they are."""
        unplaced = {ip for ip in self._hygiene if ip not in self._group_of}
        return unplaced | self._unplaced

    def tell(self, place: int) -> Told:
        """What the group of that place in `groups` is told; no hosts: nothing."""
        group = self._groups[place]
        names = Pseudonyms(self._secret, group.recipient)
        findings: dict[str, list[ToldFinding]] = {}
        keys = []
        for shared in self._keys_of.get(place, ()):
            told = self._told_key(shared, place, names)
            if self._tell_hosts(shared, place, told, findings):
                keys.append(told)
        for host in group.hosts:
            if flaws := self._hygiene.get(host.ip, ()):
                each = ToldFinding(Concern.HYGIENE, PRIORITY[Concern.HYGIENE], (), (), None, flaws)
                findings.setdefault(host.ip, []).append(each)
        hosts = [
            ToldHost(
                ip,
                self._names.get(ip),
                tuple(sorted(found, key=lambda each: (each.priority, each.key or ""))),
            )
            for ip, found in findings.items()
        ]
        you = own_name(names, group.recipient)
        return Told(you, tuple(sorted(hosts, key=lambda host: host.priority)), tuple(keys))

    def _told_key(self, shared: _SharedKey, place: int, names: Pseudonyms) -> ToldKey:
        key, here = shared.key, len(shared.here[place])
        others = (ip for ip in shared.shuffled if self._group_of.get(ip) != place)
        peers = (self._peer(ip, key.shown_by[ip], names) for ip in islice(others, PEERS_MAX))
        return ToldKey(
            key=names.name(Kind.KEY, key.spki_sha256) if shared.shuffled else key.spki_sha256,
            algorithm=key.algorithm,
            bits=key.bits,
            flaws=key.flaws,
            hosts_here=here,
            others=len(key.shown_by) - here,
            operators=len(shared.here.keys() - {None, place}),
            peers=tuple(sorted(peers, key=lambda peer: peer.host)),
        )

    def _peer(self, ip: str, services: tuple[str, ...], names: Pseudonyms) -> Peer:
        place = self._group_of.get(ip)
        operator = UNPLACED if place is None else names.name(Kind.OPERATOR, self._groups[place].recipient)
        return Peer(names.name(Kind.HOST, ip), operator, services)

    def _tell_hosts(
        self, shared: _SharedKey, place: int, told: ToldKey, findings: dict[str, list[ToldFinding]]
    ) -> bool:
        """Add to `findings` what a key means for the hosts that show it; False: nothing."""
        concerns = [
            concern
            for concern in shared.key.concerns(told.others > 0, told.hosts_here)
            if concern in self._concerns
        ]
        for ip in shared.here[place] if concerns else ():
            services = shared.key.shown_by[ip]
            ports = tuple(map(self._port_of, services))
            findings.setdefault(ip, []).extend(
                ToldFinding(concern, PRIORITY[concern], services, ports, told.key, told.flaws)
                for concern in concerns
            )
        return bool(concerns)


def own_name(names: Pseudonyms, recipient: str) -> str:
    """What the recipient would be called in their own notice."""
    return names.name(Kind.OPERATOR, recipient)


@dataclass(frozen=True, slots=True)
class _SharedKey:
    key: KeyFacts
    here: Mapping[int | None, list[str]]
    """Group (None: nobody knows) to its hosts that show it."""
    shuffled: tuple[str, ...]
    """All its hosts; empty where one group has them all."""


def _names_of_one(groups: Sequence[Group]) -> dict[str, str]:
    """Address to reverse name, of names that hosts of one group alone have."""
    owner: dict[str, int | None] = {}
    for place, group in enumerate(groups):
        for host in group.hosts:
            if host.name is not None:
                owner[host.name] = place if owner.get(host.name, place) == place else None
    return {
        host.ip: host.name
        for group in groups
        for host in group.hosts
        if host.name is not None and owner[host.name] is not None
    }
