"""Every suite a server takes: offered all, it takes one; offered the rest, it takes another; until it refuses.

One connection for each suite taken and one for each version refused, with a pause before each but the first; and
one more per version, with the order turned round, to see whose order counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mailcensus.model import Enumeration, Grab, Observation, Outcome
from mailcensus.probe.grab import Grabber
from mailcensus.wire.services import Service
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import SSL_3_0, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, VERSIONS
from mailcensus.wire.tls.hello import DEFAULT, LEGACY_SSL_3, LEGACY_WEAK, HelloProfile

_SUITES_13 = tuple(code for code in DEFAULT.cipher_suites if code >> 8 == 0x13)
_SUITES_12 = tuple(
    dict.fromkeys(
        (*(code for code in DEFAULT.cipher_suites if code >> 8 != 0x13), *LEGACY_WEAK.cipher_suites[:-1])
    )
)
_VERSIONS: tuple[tuple[int, HelloProfile, tuple[int, ...]], ...] = (
    (TLS_1_3, DEFAULT, _SUITES_13),
    (TLS_1_2, LEGACY_WEAK, _SUITES_12),
    (TLS_1_1, LEGACY_WEAK, _SUITES_12),
    (TLS_1_0, LEGACY_WEAK, _SUITES_12),
    (SSL_3_0, LEGACY_SSL_3, LEGACY_SSL_3.cipher_suites[:-1]),
)
_SAYS_NO = frozenset({Outcome.TLS_ALERT, Outcome.TLS_ERROR, Outcome.RESET, Outcome.CLOSED})
"""How servers refuse a hello; anything else leaves the list open."""
MAX_CONNECTIONS = 80
"""For one service over all versions."""


class Enumerator:
    """Enumerates one service of one host."""

    def __init__(self, grabber: Grabber, ip: str, service: Service, pause_s: float) -> None:
        self._grabber = grabber
        self._ip = ip
        self._service = service
        self._pause_s = pause_s
        self._connections = 0

    async def enumerate(self) -> list[Enumeration]:
        """One row for each version, those that are refused included; fewer where it cannot go on."""
        rows: list[Enumeration] = []
        for version, profile, suites in _VERSIONS:
            row = await self._version(replace(profile, versions=(version,)), suites)
            rows.append(row)
            if row.outcome is not Outcome.OK and row.outcome not in _SAYS_NO:
                break
        return rows

    async def _version(self, profile: HelloProfile, offered: Sequence[int]) -> Enumeration:
        started_at, before = datetime.now(UTC), self._connections
        taken: list[int] = []
        left = list(offered)
        grab = await self._ask(profile, left)
        while (suite := _taken(grab)) is not None and suite in left and self._connections < MAX_CONNECTIONS:
            taken.append(suite)
            left.remove(suite)
            if not left:
                break
            grab = await self._ask(profile, left)
        preference = await self._preference(profile, taken)
        return Enumeration(
            run_id=grab.run_id,
            vantage=grab.vantage,
            started_at=started_at,
            ended_at=datetime.now(UTC),
            ip=grab.ip,
            port=grab.port,
            service=grab.service,
            version=profile.versions[0],
            version_name=VERSIONS[profile.versions[0]],
            cipher_suites=tuple(taken),
            cipher_suite_names=tuple(CIPHER_SUITES.get(code, f"0x{code:04X}") for code in taken),
            preference=preference,
            complete=not left or grab.outcome in _SAYS_NO,
            connections=self._connections - before,
            outcome=grab.outcome,
            error=None if grab.outcome in _SAYS_NO else grab.error,
        )

    async def _preference(self, profile: HelloProfile, taken: Sequence[int]) -> str | None:
        """Offered what it takes in the opposite order, does the server choose the same?"""
        if len(taken) < 2 or self._connections >= MAX_CONNECTIONS:
            return None
        chosen = _taken(await self._ask(profile, taken[::-1]))
        if chosen is None:
            return None
        return "server" if chosen == taken[0] else "client"

    async def _ask(self, profile: HelloProfile, suites: Sequence[int]) -> Grab:
        if self._connections:
            await asyncio.sleep(self._pause_s)
        self._connections += 1
        hello = replace(profile, cipher_suites=tuple(suites))
        observation: Observation = await self._grabber.grab(
            self._ip, self._service, hello=hello, finish_tls=False
        )
        return observation.grab


def _taken(grab: Grab) -> int | None:
    return grab.tls.cipher_suite if grab.tls is not None and grab.outcome is Outcome.OK else None
