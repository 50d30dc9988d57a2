"""The provider table: the data file `providers.toml`, ready to be asked."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from mailcensus.model import Role

_COLUMN = re.compile(r"\{(.*?)\}")
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Provider:
    """One row."""

    id: str
    name: str
    country: str
    """Seat of the company in control, ISO 3166-1 alpha-2."""
    role: Role
    domains: tuple[str, ...]
    exchanges: tuple[str, ...] = ()
    spf: tuple[str, ...] = ()
    systems: tuple[int, ...] = ()
    networks: tuple[int, ...] = ()
    access: bool = False
    """An access line more than a service: its reverse names say whose line it is."""


Where = Mapping[str, Sequence[str]]
"""Values that columns of a row of the list must have."""


def holds(where: Where, groups: Mapping[str, str]) -> bool:
    """Whether a row of the list has them."""
    return all(groups.get(column) in values for column, values in where.items())


@dataclass(frozen=True, slots=True)
class Joint:
    """Rows of the list that have one holder, whatever each of them calls itself."""

    columns: tuple[str, ...]
    """The same values in these."""
    where: Where

    def holder_of(self, groups: Mapping[str, str]) -> str | None:
        """The holder of a row; None where it is not meant for that row."""
        return (
            ", ".join(groups.get(column, "") for column in self.columns)
            if holds(self.where, groups)
            else None
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Registered domains of a holder that columns of the list name otherwise."""

    domain: str
    """With columns in braces, e.g. `state.{State}.us`."""
    where: Where

    def domain_of(self, groups: Mapping[str, str]) -> str | None:
        """The domain for a row of the list; None where it is not meant for that row."""
        if not holds(self.where, groups):
            return None
        return _COLUMN.sub(lambda found: groups.get(found[1], "").strip(), self.domain).lower()


@dataclass(frozen=True, slots=True)
class Policy:
    """The rest of the file: words that rules go by."""

    holder_columns: tuple[str, ...]
    nobody: frozenset[str]
    joint: tuple[Joint, ...]
    places: tuple[Place, ...]
    fillers: tuple[str, ...]
    regions: tuple[str, ...]
    shortest: int
    line_parts: frozenset[str]
    public_suffixes: frozenset[str]


@dataclass(frozen=True, slots=True)
class ProviderTable:
    """All of it."""

    providers: Mapping[str, Provider]
    policy: Policy
    version: str
    """Its date, and the beginning of its hash."""
    _domains: Mapping[str, Provider]
    _patterns: tuple[tuple[re.Pattern[str], Provider], ...]
    _spf: Mapping[str, Provider]
    _systems: Mapping[int, Provider]
    _networks: Mapping[int, Provider]

    def of_name(self, name: str) -> Provider | None:
        """Whose server has this host name (lower case), by the longest domain of the table above it."""
        for pattern, provider in self._patterns:
            if pattern.match(name):
                return provider
        return next((self._domains[above] for above in _above(name) if above in self._domains), None)

    def of_include(self, include: str) -> Provider | None:
        """Whose service an SPF include stands for: its own, or a host name below one of its domains."""
        return self._spf.get(include) or self.of_name(include)

    def of_system(self, asn: int) -> Provider | None:
        """Whose own service all mail servers of an AS are."""
        return self._systems.get(asn)

    def of_network(self, asn: int) -> Provider | None:
        """The web hoster whose network an AS is."""
        return self._networks.get(asn)


def _above(name: str) -> Iterator[str]:
    """A name and the domains it lies in, the longest first."""
    while name:
        yield name
        name = name.partition(".")[2]


@cache
def provider_table() -> ProviderTable:
    """The one that comes with mailcensus."""
    return read_table((files(__package__) / "providers.toml").read_bytes())


def read_table(content: bytes) -> ProviderTable:
    """A table out of the file's content.

    Raises:
        ValueError: a domain, include or AS is named twice, or a field is missing or unknown.
    """
    data = tomllib.loads(content.decode())
    providers = [_provider(row) for row in data["provider"]]
    return ProviderTable(
        providers=_unique((one.id, one) for one in providers),
        policy=_policy(data),
        version=f"{data['version']} {hashlib.sha256(content).hexdigest()[:12]}",
        _domains=_unique((domain, one) for one in providers for domain in one.domains),
        _patterns=tuple((re.compile(translate(text)), one) for one in providers for text in one.exchanges),
        _spf=_unique((include, one) for one in providers for include in one.spf),
        _systems=_unique((asn, one) for one in providers for asn in one.systems),
        _networks=_unique((asn, one) for one in providers for asn in one.networks),
    )


def _provider(row: Mapping[str, object]) -> Provider:
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    try:
        return Provider(**{**fields, "role": Role(str(row.get("role")))})  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(f"provider {row.get('id')}: {error}") from None


def _policy(data: Mapping[str, Any]) -> Policy:
    names = data["names"]
    return Policy(
        joint=tuple(Joint(tuple(row["columns"]), row["where"]) for row in data["holders"]["joint"]),
        places=tuple(Place(row["domain"], row["where"]) for row in data["holders"]["places"]),
        regions=tuple(names["regions"]),
        holder_columns=tuple(data["holders"]["columns"]),
        nobody=frozenset(data["holders"]["nobody"]),
        fillers=tuple(sorted(names["fillers"], key=len, reverse=True)),
        shortest=int(names["shortest"]),
        line_parts=frozenset(data["lines"]["parts"]),
        public_suffixes=frozenset(data["public"]["suffixes"]),
    )


def _unique(pairs: Iterator[tuple[K, V]]) -> dict[K, V]:
    found: dict[K, V] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key} is named twice")
        found[key] = value
    return found
