"""A look at the vantage before a run: can it see, can others find out who asks, will the machine hold out.

Quick, and quiet: packets go to the configured responders, to DNS resolvers and to our own page, nowhere else. Only
what would make results meaningless stops a run; what cannot be found out never does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

from mailcensus.discovery.preflight_line import Line
from mailcensus.discovery.preflight_machine import (
    ClockWatch,
    clock_lines,
    descriptor_line,
    disk_line,
    engine_line,
)
from mailcensus.discovery.preflight_names import name_lines, own_addresses
from mailcensus.discovery.responders import Responder, preflight_responders
from mailcensus.model import PreflightCheck, Verdict
from mailcensus.population import Exclusions, load_population
from mailcensus.probe.dialer import Dialer, Excluded
from mailcensus.study import Study


async def preflight(study: Study, dialer: Dialer | None = None) -> list[Line]:
    """Look at everything.

    Args:
        dialer: the door to responders, where a run keeps its books; one of its own where none is given.

    Raises:
        StudyError: the population, or a responder, address or resolver of study.toml, is bad.
    """
    clock = ClockWatch()
    population = load_population(study)
    responders = preflight_responders(study)
    some = [responder.ip for responder in responders] or list(islice(population.addresses(), 1))
    addresses = own_addresses(study, some)
    egress, names = await asyncio.gather(_egress(study, dialer, responders), name_lines(study, addresses))
    return [
        *egress,
        engine_line(study),
        *names,
        clock.line(),
        *clock_lines(study.data),
        descriptor_line(study),
        disk_line(study, len(population)),
    ]


def checks_of(lines: Sequence[Line], run_id: str) -> list[PreflightCheck]:
    """The lines as records of a run."""
    at = datetime.now(UTC)
    return [
        PreflightCheck(
            run_id=run_id,
            at=at,
            check=line.check,
            subject=line.subject,
            verdict=line.verdict,
            found=line.found,
            mend=line.mend,
            stops=line.stops,
        )
        for line in lines
    ]


async def _egress(study: Study, dialer: Dialer | None, responders: Sequence[Responder]) -> list[Line]:
    """Whether the way out is open on each discovery port."""
    door = dialer or Dialer(
        study.settings.politeness, Exclusions.of_study(study), study.settings.study.allow_special
    )
    timeout_s = study.settings.discovery.timeout_s
    answers = await asyncio.gather(*(_answers(door, responder, timeout_s) for responder in responders))
    found = dict(zip(responders, answers, strict=True))
    ports = (*study.settings.discovery.ports, *(responder.port for responder in responders))
    return [_egress_line(port, found) for port in dict.fromkeys(ports)]


def _egress_line(port: int, found: dict[Responder, bool | None]) -> Line:
    check, subject = "egress", f"port {port}"
    asked = [
        answered for responder, answered in found.items() if responder.port == port and answered is not None
    ]
    if not asked:
        mend = "name some that are known to answer in preflight.responders or canaries.hosts"
        return Line(check, subject, Verdict.UNKNOWN, "no responder configured", mend)
    said = f"{sum(asked)} of {len(asked)} known responders answered"
    if not any(asked):
        mend = "ask your provider whether it blocks the port, or ask from another vantage"
        return Line(check, subject, Verdict.FAILED, said, mend, stops=True)
    if sum(asked) * 2 < len(asked):
        return Line(
            check, subject, Verdict.WARNING, said, "look at those that did not; are they still there?"
        )
    return Line(check, subject, Verdict.OK, said)


async def _answers(dialer: Dialer, responder: Responder, timeout_s: float) -> bool | None:
    """Whether one answers; None where an exclusion forbids to ask it."""
    try:
        async with dialer.admit(responder.ip) as turn:
            await turn.dial(responder.port, timeout_s, asyncio.Protocol)
    except Excluded:
        return None
    except OSError:
        return False
    return True
