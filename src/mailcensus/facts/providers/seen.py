"""What was seen of a domain and its exchanges, as far as it tells who runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Server:
    """One address of an exchange. Names are in lower case, without a last dot."""

    reverse_names: tuple[str, ...] = ()
    """Those that lead back to the address, or of which nobody has asked whether they do."""
    asns: tuple[int, ...] = ()
    as_org: str | None = None
    certificate_names: tuple[str, ...] = ()
    """Of leafs that the first root store trusted when they were seen, on port 25."""
    says: tuple[str, ...] = ()
    """What it calls itself in its greeting on port 25."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange of a domain."""

    name: str
    preference: int | None = None
    is_host: bool = True
    """It is a name that a host can have; otherwise an address, or no name at all."""
    target: str | None = None
    """Where its CNAMEs end."""
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True, slots=True)
class DomainSeen:
    """One domain."""

    domain: str
    registered_domain: str | None = None
    mail: str = "mx"
    """`domains.mail`."""
    groups: Mapping[str, str] = field(default_factory=dict)
    spf: tuple[str, ...] = ()
    """Includes and redirect of its SPF record."""
    exchanges: tuple[Exchange, ...] = ()
