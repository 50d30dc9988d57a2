"""Domains and exchanges out of answers that others got: the same reading as of our own, and nobody is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mailcensus.dataset.lock import WriterLock
from mailcensus.facts.domains.answers import Answers, Inquiry
from mailcensus.facts.domains.one_domain import ask_domain
from mailcensus.facts.domains.resolve import list_of, wants_domains
from mailcensus.facts.domains.table import DomainTables
from mailcensus.model import DnsAnswer, Domain, Mx
from mailcensus.population.domain_list import ListedDomain, listed_domain
from mailcensus.study import Study


def read_out(study: Study, run_id: str, source: str) -> int:
    """Write `domains` and `mx` of an imported run; gives how many domains there are.

    They are those of the study's list, or without one the names whose MX was asked. What the import does not say is
    `unknown` or `not_asked`.

    Raises:
        StudyError: another process writes to the study, or its list is bad.
    """
    lock = WriterLock(study.data)
    try:
        tables = DomainTables(study.data, run_id)
        answers = list(tables.known_answers())
        listed = list_of(study).domains if wants_domains(study) else list(_asked(answers))
        left = [one for one in listed if one.domain not in tables.done]
        rows = asyncio.run(_rows(Answers(run_id, None, answers), left, study, run_id))
        tables.add([], [(replace(domain, source=source), exchanges) for domain, exchanges in rows])
        return len(tables.done) + len(left)
    finally:
        lock.release()


async def _rows(
    answers: Answers, listed: Sequence[ListedDomain], study: Study, run_id: str
) -> list[tuple[Domain, list[Mx]]]:
    wanted = study.settings.domains.records
    return [await ask_domain(Inquiry(answers), one, wanted, run_id) for one in listed]


def _asked(answers: Sequence[DnsAnswer]) -> Iterator[ListedDomain]:
    position = 0
    for answer in answers:
        if answer.type == "MX":
            try:
                yield listed_domain(answer.name, position)
            except ValueError:
                continue
            position += 1
