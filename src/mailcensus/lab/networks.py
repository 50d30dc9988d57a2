"""The networks of a lab: which AS and country its addresses are in, and which hosts go where.

Organisations are called as they are in public tables of AS; numbers are those kept for documentation and private
use (RFC 5398, RFC 6996).
"""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailcensus.lab.drafting import Draft, Where
from mailcensus.lab.plan import HostPlan, NetworkPlan

Unit = tuple[Draft, ...]

_FIRST_ASN = 4_200_000_000
"""Private use, RFC 6996."""
_HOSTS_A_NETWORK = 40
_COUNTRIES = ("IE", "EE", "PT", "FI", "LU", "UY", "NZ", "NA", "SI", "SG")


class Kind(StrEnum):
    """Who a network belongs to."""

    ACCESS = "access"
    HOSTER = "hoster"
    CDN = "cdn"


_ORGANISATIONS = {
    Kind.ACCESS: (
        *(
            "EIRCOM Eircom Limited",
            "HEANET HEAnet CLG",
            "ELISA-AS Elisa Oyj",
            "POST-LUXEMBOURG",
            "TELE2-EESTI",
        ),
        *(
            "MEO-RESIDENCIAL",
            "ANTEL Administracion Nacional de Telecomunicaciones",
            "SPARK-NZ",
            "SINGTEL",
            "ARNES-NET",
        ),
    ),
    Kind.HOSTER: (
        "HETZNER-AS Hetzner Online GmbH",
        "OVH OVH SAS",
        "BLACKNIGHT-AS",
        "Zone Media OU",
        "Catalyst Cloud",
    ),
    Kind.CDN: ("CLOUDFLARENET", "FASTLY", "AKAMAI-ASN1"),
}
_KINDS = (Kind.ACCESS, Kind.HOSTER, Kind.ACCESS, Kind.CDN, Kind.ACCESS, Kind.HOSTER, Kind.ACCESS, Kind.ACCESS)
"""By turns; every lab has one of each kind."""


@dataclass(frozen=True, slots=True)
class Network:
    """One AS before it has addresses."""

    kind: Kind
    asn: int
    as_org: str
    country: str


def make_networks(hosts: int) -> list[Network]:
    """As many networks as so many hosts want, at least eight."""
    count = max(len(_KINDS), hosts // _HOSTS_A_NETWORK)
    networks = []
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        organisations = _ORGANISATIONS[kind]
        as_org = organisations[number % len(organisations)]
        networks.append(Network(kind, _FIRST_ASN + number, as_org, _COUNTRIES[number % len(_COUNTRIES)]))
    return networks


def settle(
    units: Sequence[Unit], block: ipaddress.IPv4Network, rng: random.Random
) -> tuple[tuple[HostPlan, ...], tuple[NetworkPlan, ...]]:
    """Give every host a network and an address: network after network, in each its units with gaps between.

    Hosts of a unit are side by side. A network's addresses are those of its units and gaps.
    """
    networks = make_networks(sum(map(len, units)))
    homes: list[list[Unit]] = [[] for _ in networks]
    for unit, home in zip(units, _homes(units, networks, rng), strict=True):
        homes[home].append(unit)
    spare = block.num_addresses - sum(map(len, units))
    gaps = Counter(rng.choices(range(len(networks)), k=spare))
    hosts: list[HostPlan] = []
    plans = []
    address = first = int(block.network_address)
    for place, network in enumerate(networks):
        places: list[Unit] = homes[place] + [()] * gaps[place]
        rng.shuffle(places)
        for unit in places:
            hosts += [draft.at(str(ipaddress.IPv4Address(address + n))) for n, draft in enumerate(unit)]
            address += max(1, len(unit))
        if address > first:
            plans.append(_plan(network, first, address - 1))
        first = address
    return tuple(hosts), tuple(plans)


def _plan(network: Network, first: int, last: int) -> NetworkPlan:
    return NetworkPlan(
        first=str(ipaddress.IPv4Address(first)), last=str(ipaddress.IPv4Address(last)),
        asn=network.asn, as_org=network.as_org, country=network.country,
    )  # fmt: skip


def _homes(units: Sequence[Unit], networks: Sequence[Network], rng: random.Random) -> list[int]:
    """The network of every unit, as its group wants it."""
    of_kind = {kind: [n for n, network in enumerate(networks) if network.kind is kind] for kind in Kind}
    common = of_kind[Kind.ACCESS] + of_kind[Kind.HOSTER]
    among = {
        Where.ANYWHERE: common,
        Where.ONE_NETWORK: common,
        Where.HOSTER: of_kind[Kind.HOSTER],
        Where.APART: common,
        Where.CDN: of_kind[Kind.CDN],
    }
    turns: dict[tuple[str, Where], list[int]] = {}
    homes = []
    for unit in units:
        draft = unit[0]
        turn = turns.setdefault((draft.group, draft.where), [])
        if draft.where in (Where.ONE_NETWORK, Where.HOSTER):
            turn[:] = turn or [rng.choice(among[draft.where])]
            homes.append(turn[0])
            continue
        if not turn:
            turn += rng.sample(among[draft.where], len(among[draft.where]))
        homes.append(turn.pop())
    return homes


def asn_csv(networks: Sequence[NetworkPlan]) -> str:
    """The ASes as ip-location-db has them: first, last, AS, organisation; no header."""
    return "".join(f'{n.first},{n.last},{n.asn},"{n.as_org}"\n' for n in networks)


def country_csv(networks: Sequence[NetworkPlan]) -> str:
    """The countries as ip-location-db has them: first, last, country; no header."""
    return "".join(f"{n.first},{n.last},{n.country}\n" for n in networks)
