"""The enrich stage of a study: what databases and DNS say of every address of the run, resumable.

It is done for the databases, settings and addresses that it found. Where one of these has changed, it is done
again: facts are looked up anew, DNS is asked only for what it has not answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.dataset.seen import exchange_addresses_of, values_of
from mailcensus.facts.databases import Databases
from mailcensus.facts.host_table import HostTable
from mailcensus.facts.reverse_names import ReverseName, reverse_name
from mailcensus.probe.crowd import many_at_once
from mailcensus.probe.resolver import Resolver
from mailcensus.probe.trouble import first_trouble
from mailcensus.study import Study, StudyError

STAGE = "enrich"


@dataclass(slots=True)
class EnrichProgress:
    """How far the reverse names are; databases take no time worth showing."""

    hosts: int
    hosts_done: int = 0
    named: int = 0
    """Hosts that have a reverse name, of those asked in this session."""


def wants_facts(study: Study) -> bool:
    """Whether a study asks for any."""
    return bool(study.settings.facts.databases) or study.settings.facts.ptr


def check_databases(study: Study) -> None:
    """Find out early that a database is not there; what is in it shows when it is read.

    Raises:
        StudyError: it is not there.
    """
    for path in map(study.path, study.settings.facts.databases):
        if not path.exists():
            raise StudyError(f"{path}: not found; mend facts.databases")


def addresses_of(run: CurrentRun) -> list[str]:
    """Every address of the run's hits, grabs and mail exchanges, once."""
    tables = (values_of(run.data / table, "ip", run.run_id) for table in ("hits", "grabs"))
    return list(dict.fromkeys(chain(*tables, exchange_addresses_of(run.data, run.run_id))))


async def enrich(
    study: Study, run: CurrentRun, databases: Databases, on_progress: Callable[[EnrichProgress], None]
) -> bool:
    """Look up what is to be looked up; False where that was done already.

    Raises:
        StudyError: the disk is full, a resolver is no address.
        asyncio.CancelledError: interrupted; run again to go on.
    """
    wanted = study.settings.facts
    ips = addresses_of(run)
    about = f"{databases.identity}; {'with' if wanted.ptr else 'no'} reverse names; {len(ips)} addresses"
    stage, table = run.stage(STAGE), HostTable(run, databases)
    if stage.order != about:
        known = table.ptr_known()
        table.renew([ip for ip in ips if not wanted.ptr or ip in known])
        run.restart(STAGE, datetime.now(UTC), about)  # after the rows: a kill between the two does them again
    elif run.begin(STAGE, datetime.now(UTC)).state is StageState.DONE:
        return False
    if wanted.ptr:
        have = table.ips()
        resolver = Resolver(wanted.resolvers, wanted.queries_per_s)
        await _ask_all(resolver, table, [ip for ip in ips if ip not in have], study, on_progress)
    table.compact()
    hosts, answered = table.counts()
    run.finish(stage_row(run, STAGE, study.settings, asked=hosts, answered=answered))
    return True


async def _ask_all(
    resolver: Resolver,
    table: HostTable,
    ips: Sequence[str],
    study: Study,
    on_progress: Callable[[EnrichProgress], None],
) -> None:
    progress = EnrichProgress(len(ips))
    names: dict[str, ReverseName] = {}

    async def ask(ip: str, _group: asyncio.TaskGroup) -> None:
        names[ip] = await reverse_name(resolver, ip)
        progress.hosts_done += 1
        progress.named += names[ip].ptr is not None
        on_progress(progress)

    def flush() -> None:
        table.add(list(names), names)
        names.clear()

    slots = asyncio.Semaphore(resolver.in_flight)
    try:
        await many_at_once(ips, ask, slots=slots, flush=flush, flush_s=study.settings.collect.flush_s)
    except BaseExceptionGroup as errors:
        raise first_trouble(errors) from None
    finally:
        flush()
