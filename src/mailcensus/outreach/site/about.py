"""What the pages say of a study: who asks, why, what, since when."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailcensus.outreach.site.held import first_asked
from mailcensus.study import Settings
from mailcensus.wire.services import SERVICE_BY_NAME

_SINCE_HOLDS_S = 600.0


@dataclass(frozen=True, slots=True)
class About:
    """What a study says of itself; nothing in it is secret."""

    study: str
    operator: str | None
    contact: str | None
    purpose: str
    scanner: str
    addresses: tuple[str, ...]
    ports: tuple[int, ...]
    services: tuple[str, ...]
    extras: tuple[str, ...]
    per_s: float
    prefix_per_s: float


def about_of(settings: Settings, addresses: Sequence[str]) -> About:
    """What study.toml says.

    Args:
        addresses: from which the study asks.
    """
    services = settings.collect.services
    ports = {settings.ports.get(name, SERVICE_BY_NAME[name].port) for name in services}
    return About(
        study=settings.study.name,
        operator=settings.site.operator,
        contact=settings.study.contact,
        purpose=settings.site.purpose,
        scanner=settings.study.ehlo_name,
        addresses=tuple(addresses),
        ports=tuple(sorted(ports | {*settings.discovery.ports, *settings.noise.ports})),
        services=services,
        extras=tuple(_extras(settings)),
        per_s=settings.politeness.connections_per_s,
        prefix_per_s=settings.politeness.prefix_connections_per_s,
    )


def _extras(settings: Settings) -> list[str]:
    """What is asked besides, where the study says so."""
    asked = settings.followups
    said = (
        (asked.legacy, "old TLS versions, of servers that refused the ordinary handshake"),
        (bool(asked.server_names), "the handshake again with a server name"),
        (asked.ssh_host_keys, "every type of SSH host key"),
        (asked.injection, "whether a command sent right behind STARTTLS is obeyed (CVE-2011-0411)"),
        (asked.enumerate, "every TLS version and cipher suite a server takes"),
        (settings.facts.ptr, "the reverse name of your address, of DNS"),
        (settings.domains.list is not None, "public DNS records of domains about their mail"),
    )
    return [text for is_asked, text in said if is_asked]


class Since:
    """When the study began, looked up now and then."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._known: datetime | None = None
        self._look_at = 0.0

    def get(self) -> datetime | None:
        """When the first stage began, UTC; None: none has ended yet. Reads the disk: call it in a thread."""
        if self._known is None and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _SINCE_HOLDS_S
            found = first_asked(self._data)
            self._known = found.astimezone(UTC) if found is not None else None
        return self._known
