"""The resolve stage of a study: every domain of its list asked once, resumable.

A run has one list: its domains, in their order, are named by their digest, and a list that has changed needs a new run.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import certifi

from mailcensus.dataset.run import CurrentRun, StageState, run_file, stage_row
from mailcensus.dataset.seen import values_of
from mailcensus.facts.domains.answers import Answers, Inquiry
from mailcensus.facts.domains.dnssec import Validator, trust_anchors
from mailcensus.facts.domains.one_domain import ask_domain, wants_policy
from mailcensus.facts.domains.policies import Fetch, with_policy
from mailcensus.facts.domains.table import DomainTables
from mailcensus.facts.root_stores import MOZILLA, SYSTEM, SYSTEM_FILE
from mailcensus.model import Domain, MailState, Mx
from mailcensus.population import SPECIAL_PREFIXES
from mailcensus.population.address import parse_address
from mailcensus.population.domain_list import DomainList, ListedDomain, read_domain_list
from mailcensus.probe.crowd import many_at_once
from mailcensus.probe.dns_client import DnsClient
from mailcensus.probe.door import open_door
from mailcensus.probe.policy_fetch import PolicyAsk, fetch_policy, policy_context
from mailcensus.probe.policy_response import PolicyResponse
from mailcensus.probe.trouble import first_trouble
from mailcensus.study import Study, StudyError

STAGE = "resolve"
_HTTPS_PORT = 443
_TAKES_MAIL = (MailState.MX, MailState.IMPLICIT_MX)


@dataclass(slots=True)
class ResolveProgress:
    """How far it is."""

    domains: int
    domains_done: int
    """Those of earlier sessions included."""
    asked: int = 0
    """Questions that went to DNS in this session."""
    with_mail: int = 0
    """Domains that take mail, of those asked about in this session."""
    in_session: int = 0


def wants_domains(study: Study) -> bool:
    """Whether a study has a list of domains."""
    return study.settings.domains.list is not None


def check_domains(study: Study) -> None:
    """What only this room knows about a study's settings, before anybody is asked.

    Raises:
        StudyError: policies are to be fetched from hosts that could not turn to anybody; the list is not there.
    """
    settings = study.settings
    if settings.domains.list is None:
        return
    if not study.path(settings.domains.list).is_file():
        raise StudyError(f"{study.path(settings.domains.list)}: not found; mend domains.list")
    who = settings.study
    if settings.domains.fetch_policies and not (who.allow_special or (who.contact and who.opt_out)):
        raise StudyError(
            f"{study.directory / 'study.toml'}: study.contact and study.opt_out are not set, and MTA-STS policies are "
            "fetched from the domains' own hosts; set both, or domains.fetch_policies = false"
        )


def list_of(study: Study) -> DomainList:
    """The study's list.

    Raises:
        StudyError: it has none, or a bad one.
    """
    wanted = study.settings.domains
    if wanted.list is None:
        raise StudyError(
            f"{study.directory / 'study.toml'}: domains.list is not set; name a list of domains there"
        )
    return read_domain_list(study.path(wanted.list), wanted.column, wanted.groups)


async def resolve(
    study: Study,
    run: CurrentRun,
    listed: DomainList,
    on_progress: Callable[[ResolveProgress], None],
) -> ResolveProgress | None:
    """Ask about every domain that has not been asked about; None where the stage is done.

    Raises:
        StudyError: the list is another one than when the run began, or settings are bad.
        StageFailed: the disk is full, this machine is out of sockets.
        asyncio.CancelledError: interrupted; what has been answered is on disk, run again to go on.
    """
    about = _identity(listed.domains)
    stage = run.begin(STAGE, datetime.now(UTC), about)
    if stage.order != about:
        raise StudyError(
            f"{listed.path}: is not the list with which run {run.run_id} began; put that back, or remove "
            f"{run_file(study.data)} to begin a new run"
        )
    if stage.state is StageState.DONE:
        return None
    tables = DomainTables(run.data, run.run_id)
    progress = ResolveProgress(len(listed.domains), len(tables.done))
    left = [one for one in listed.domains if one.domain not in tables.done]
    try:
        if left:
            await _ask_all(study, run, tables, left, progress, on_progress)
    except BaseExceptionGroup as errors:
        raise first_trouble(errors) from None
    on_progress(progress)
    tables.compact()
    answered = _take_mail(run)
    run.finish(stage_row(run, STAGE, study.settings, asked=len(listed.domains), answered=answered))
    return progress


async def _ask_all(
    study: Study,
    run: CurrentRun,
    tables: DomainTables,
    left: Sequence[ListedDomain],
    progress: ResolveProgress,
    on_progress: Callable[[ResolveProgress], None],
) -> None:
    settings = study.settings
    finished: list[tuple[Domain, Sequence[Mx]]] = []
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(DnsClient(settings.dns, run.run_id))
        await client.learn_who_validates(settings.dns.signed_name)
        fetch = await _fetch(study, run, stack)
        answers = Answers(run.run_id, client, tables.known_answers())
        validator = _validator(study, client)

        async def one(listed: ListedDomain, _group: asyncio.TaskGroup) -> None:
            row, exchanges = await _one(answers, listed, settings.domains.records, run.run_id, fetch)
            if validator is not None and row.mail is not MailState.NXDOMAIN:
                verdict = await validator.validate(listed.domain, "MX")
                row = replace(row, dnssec_validated=verdict.state, dnssec_error=verdict.error)
            finished.append((row, exchanges))
            progress.domains_done += 1
            progress.in_session += 1
            progress.with_mail += row.mail in _TAKES_MAIL
            progress.asked = answers.asked
            on_progress(progress)

        def flush() -> None:
            rows, answered = list(finished), answers.take()
            finished.clear()
            tables.add(answered, rows)

        slots = asyncio.Semaphore(settings.dns.in_flight)
        try:
            await many_at_once(left, one, slots=slots, flush=flush, flush_s=settings.collect.flush_s)
        finally:
            await answers.finish(settings.dns.timeout_s)
            flush()


async def _one(
    answers: Answers, listed: ListedDomain, wanted: Sequence[str], run_id: str, fetch: Fetch | None
) -> tuple[Domain, list[Mx]]:
    inquiry = Inquiry(answers)
    row, exchanges = await ask_domain(inquiry, listed, wanted, run_id)
    if fetch is not None and row.mta_sts is not None and wants_policy(row):
        found = await with_policy(inquiry, listed.domain, row.mta_sts, exchanges, fetch)
        row = replace(row, mta_sts=found, asked_at=inquiry.last_at)
    return row, exchanges


async def _fetch(study: Study, run: CurrentRun, stack: AsyncExitStack) -> Fetch | None:
    """What fetches policies, through the door of this run; None where the study fetches none."""
    settings = study.settings
    if not (settings.domains.fetch_policies and "mta_sts" in settings.domains.records):
        return None
    ask = PolicyAsk(
        policy_context(_roots(study)),
        settings.ports.get("https", _HTTPS_PORT),
        settings.domains.policy_timeout_s,
        settings.study.ehlo_name,
    )
    door = await stack.enter_async_context(open_door(study, run))
    fetch = partial(fetch_policy, door, ask)
    return fetch if settings.study.contact and settings.study.opt_out else partial(_only_special, fetch)


async def _only_special(fetch: Fetch, host: str, addresses: Sequence[str]) -> PolicyResponse:
    """A lab's study, which names nobody to turn to, asks no public address."""
    special = [ip for ip in addresses if SPECIAL_PREFIXES.contains_value(*parse_address(ip))]
    if not special:
        return PolicyResponse("excluded", error="a public address, and study.contact is not set")
    return await fetch(host, special)


def _validator(study: Study, client: DnsClient) -> Validator | None:
    """What validates answers ourselves; None where the study does not want that."""
    told = study.settings.dns
    if not told.validate_ourselves:
        return None
    path = None if told.trust_anchors is None else study.path(told.trust_anchors)
    return Validator(client.carry, trust_anchors(path))


def _roots(study: Study) -> Path:
    """The PEM file that domains.policy_roots names.

    Raises:
        StudyError: it is not there.
    """
    name = study.settings.domains.policy_roots
    path = {MOZILLA: Path(certifi.where()), SYSTEM: SYSTEM_FILE}.get(name) or study.path(Path(name))
    if not path.is_file():
        raise StudyError(f"{path}: not found; mend domains.policy_roots")
    return path


def _take_mail(run: CurrentRun) -> int:
    """How many domains of a run take mail."""
    return sum(mail in _TAKES_MAIL for mail in values_of(run.data / "domains", "mail", run.run_id))


def _identity(domains: Sequence[ListedDomain]) -> str:
    digest = hashlib.sha256(b"mailcensus domains 1\n")
    for one in domains:
        digest.update(one.domain.encode() + b"\n")
    return digest.hexdigest()
