"""Notices to operators: each is told what concerns their hosts, and nothing that would name anybody else.

Nothing is sent: letters and files are written, a folder for each operator, and an index for whoever sends them.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.dataset.left_out import dataset_of
from mailcensus.outreach.contacts import Contact
from mailcensus.outreach.holdings import Holdings, HostFacts
from mailcensus.outreach.letter import LetterWriter, Sender
from mailcensus.outreach.notices_files import Notice, csv_bytes, write_notice
from mailcensus.outreach.notices_findings import Concern, Findings, gather_findings
from mailcensus.outreach.notices_groups import By, Group, contact_of, group_of, host_facts
from mailcensus.outreach.notices_told import Teller, Told
from mailcensus.outreach.pseudonyms import study_secret
from mailcensus.study import StageFailed, Study, StudyError
from mailcensus.wire.services import SERVICE_BY_NAME

_INDEX = ("folder", "priority", "concern", "contact", "language", "name", "organisation", "hosts", "keys")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What notices are wanted."""

    by: By
    contacts: Holdings[Contact] | None = None
    grouping: Holdings[str] | None = None
    language: str = "en"
    templates: Path | None = None
    """A folder of templates that go before ours."""
    concerns: frozenset[Concern] = frozenset(Concern)


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it."""

    folder: Path
    notices: int
    without_contact: int
    """Of these: nobody is known to write to."""
    hosts: int
    """Hosts told of."""
    hosts_unplaced: int
    """Hosts with something to tell of which it is not known whose they are."""
    keys_checked: int
    """Keys shown that were looked over for flaws; 0: nobody looked."""


def write_notices(study: Study, wanted: Wanted, out: Path | None = None) -> Written:
    """Write notices about the newest run, below DIR/outreach/notices unless told otherwise.

    Raises:
        StudyError: nothing was collected yet, or the folder is there already.
        StageFailed: they cannot be written.
    """
    evidence = gather(dataset_of(study))
    if evidence.run_id is None:
        raise StudyError(
            f"{study.directory}: nothing was collected yet; run: mailcensus run {study.directory}"
        )
    folder = out or study.directory / "outreach" / "notices" / f"{evidence.run_id}-by-{wanted.by}"
    if folder.exists():
        raise StudyError(f"{folder}: is there already; remove it, or name another one with --out")
    writer = LetterWriter(_sender(study, evidence), wanted.templates)
    writer.check(wanted.language)
    facts, findings = host_facts(evidence), gather_findings(evidence)
    groups = _groups(facts, wanted)
    for language in {group.contact.language for group in groups if group.contact and group.contact.language}:
        writer.check(language)
    teller = Teller(findings, groups, study_secret(study.directory), port_of(study), wanted.concerns)
    try:
        return _write(folder, evidence.run_id, groups, teller, writer, wanted, findings)
    except OSError as error:
        raise StageFailed(f"{folder}: notices cannot be written: {error}") from error


def port_of(study: Study) -> Callable[[str], int]:
    """The port on which a study asks a service."""
    ports = {name: service.port for name, service in SERVICE_BY_NAME.items()} | study.settings.ports
    return lambda service: ports.get(service, 0)


def _sender(study: Study, evidence: Evidence) -> Sender:
    who = study.settings.study
    if who.contact is None:
        raise StudyError(
            f"{study.directory / 'study.toml'}: study.contact is not set; letters say where to answer"
        )
    began = evidence.runs.started_at.min().to_pyarrow().as_py()
    return Sender(
        study=who.name,
        contact=who.contact,
        opt_out=who.opt_out,
        asked_on=f"{began:%Y-%m-%d}" if began else (evidence.run_id or "")[:10],
    )


def _groups(facts: dict[str, HostFacts], wanted: Wanted) -> list[Group]:
    members: dict[str, list[HostFacts]] = {}
    for host in facts.values():
        key = group_of(host, wanted.by, wanted.contacts, wanted.grouping)
        if key is not None:
            members.setdefault(key, []).append(host)
    return [
        Group(wanted.by, key, tuple(hosts), contact_of(wanted.by, key, hosts, wanted.contacts))
        for key, hosts in sorted(members.items())
    ]


def _write(
    folder: Path,
    run_id: str,
    groups: Sequence[Group],
    teller: Teller,
    writer: LetterWriter,
    wanted: Wanted,
    findings: Findings,
) -> Written:
    partial = folder.with_name(f".{folder.name}.partial")
    if partial.exists():  # of one who was killed
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    index: list[tuple[int, tuple[object, ...]]] = []
    hosts = without_contact = 0
    for place, group in enumerate(groups):
        told = teller.tell(place)
        if not told.hosts:
            continue
        notice = _notice(folder.name, run_id, group, told, writer, wanted, findings.keys_checked)
        write_notice(partial / group.folder, notice)
        index.append((told.hosts[0].priority, _index_row(group, notice)))
        hosts += len(told.hosts)
        without_contact += group.contact is None
    rows = (row for _, row in sorted(index, key=lambda each: each[0]))
    (partial / "notices.csv").write_bytes(csv_bytes(_INDEX, rows))
    partial.rename(folder)
    return Written(
        folder, len(index), without_contact, hosts, len(teller.concerned_unplaced()), findings.keys_checked
    )


def _notice(
    name: str, run_id: str, group: Group, told: Told, writer: LetterWriter, wanted: Wanted, keys_checked: int
) -> Notice:
    language = (group.contact and group.contact.language) or wanted.language
    organisation = _organisation(group)
    return Notice(
        notice=f"{name}/{group.folder}",
        run_id=run_id,
        recipient=group.recipient,
        title=group.title,
        organisation=organisation,
        contact=group.contact,
        sender=writer.sender,
        told=told,
        letter=writer.write(language, group.title, organisation, told, keys_checked),
        keys_checked=keys_checked,
    )


def _organisation(group: Group) -> str | None:
    """Of an AS: the name that most of its hosts have in the database."""
    if group.by is not By.AS:
        return None
    names = Counter(host.as_org for host in group.hosts if host.as_org)
    return min(names, key=lambda name: (-names[name], name)) if names else None


def _index_row(group: Group, notice: Notice) -> tuple[object, ...]:
    worst = notice.told.hosts[0].findings[0]
    contact = group.contact.address if group.contact else None
    return (
        group.folder, worst.priority, str(worst.concern), contact, notice.letter.language, group.title,
        notice.organisation, len(notice.told.hosts), len(notice.told.keys),
    )  # fmt: skip
