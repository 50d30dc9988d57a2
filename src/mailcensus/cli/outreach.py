"""`mailcensus outreach ...`: what the vantage says of itself, and notices to operators."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from mailcensus.cli.options import AsJson, Quiet, StudyDirectory
from mailcensus.cli.stages import open_study
from mailcensus.cli.talk import say, waiting
from mailcensus.study import Study, StudyError

_Named = TypeVar("_Named", bound=StrEnum)


def texts(
    directory: StudyDirectory,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="NAME", help="Print this text alone, as it is: for a file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Texts for the vantage: PTR and TXT records, security.txt, a web page, mailboxes.

    They say who asks, why, and how to stop it, and are made of study.toml ([study], and the addresses of
    preflight.addresses; else those of this machine's routes). Nothing is put anywhere; `preflight` looks whether they
    are up.
    """
    from mailcensus.cli.json_lines import print_json
    from mailcensus.discovery.preflight_names import own_addresses
    from mailcensus.outreach.texts import NAMES, vantage_texts

    if only is not None and only not in NAMES:
        raise StudyError(f"--only {only}: no such text; there are: {', '.join(NAMES)}")
    study = Study.open(directory)
    for text in vantage_texts(study.settings, own_addresses(study, ()), datetime.now(UTC)):
        if only not in (None, text.name):
            continue
        if as_json:
            print_json({"name": text.name, "where": text.where, "text": text.body})
        else:
            sys.stdout.write(text.body if only else f"== {text.name}: {text.where}\n{text.body}\n")


def notices(
    directory: StudyDirectory,
    by: Annotated[
        str,
        typer.Option(
            "--by", metavar="WHAT", help="Whose hosts make one notice: as, contact, domain or group."
        ),
    ] = "as",
    contacts: Annotated[
        Path | None,
        typer.Option("--contacts", metavar="FILE", help="Abuse contacts: CSV, or RDAP answers as JSON."),
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(
            "--groups", metavar="FILE", help="CSV of groups by prefix, domain or AS; for --by group."
        ),
    ] = None,
    language: Annotated[
        str,
        typer.Option("--language", metavar="CODE", help="Of letters, en or de, where the contact has none."),
    ] = "en",
    templates: Annotated[
        Path | None, typer.Option("--templates", metavar="FOLDER", help="Your own letter.<language>.txt.j2.")
    ] = None,
    concern: Annotated[
        list[str] | None,
        typer.Option("--concern", metavar="NAME", help="Tell of this alone; may be given several times."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Write there; else below DIR/outreach/notices."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a notice to each operator about their hosts: a letter, CSV and JSON, the most urgent matters first.

    Only their own hosts stand in it as they are. Everybody else has pseudonyms, which nobody can turn back without the
    study's secret (DIR/secrets, for your eyes only). Nothing is sent; notices.csv lists what was written and to whom.
    Concerns: compromised_key, weak_key, ssh_and_tls, shared_with_others, odd_key, hygiene, shared_within.
    """
    from mailcensus.outreach.contacts import read_contacts
    from mailcensus.outreach.contacts_csv import read_holdings_csv
    from mailcensus.outreach.notices import Wanted, write_notices
    from mailcensus.outreach.notices_findings import Concern
    from mailcensus.outreach.notices_groups import By

    way = _one_of(By, "--by", by)
    told = (
        frozenset(_one_of(Concern, "--concern", name) for name in concern) if concern else frozenset(Concern)
    )
    if way is By.CONTACT and contacts is None:
        raise StudyError("--by contact: name the file of contacts with --contacts")
    if (way is By.GROUP) != (groups is not None):
        raise StudyError("--by group and --groups FILE belong together; give both or none")
    study = open_study(directory)
    known = read_contacts(contacts) if contacts else None
    grouping = read_holdings_csv(groups, "group", _group_name) if groups else None
    if known and known.rdap:
        counts = known.rdap
        say(
            f"{contacts}: {counts.answers:,} RDAP answers; {counts.used:,} with an abuse contact, "
            f"{counts.without_contact:,} without, {counts.not_understood:,} not understood"
        )
    wanted = Wanted(way, known.holdings if known else None, grouping, language, templates, told)
    with waiting("write notices", quiet=quiet):
        done = write_notices(study, wanted, out)
    say(
        f"{done.notices:,} notices about {done.hosts:,} hosts, {done.without_contact:,} of them without a contact; "
        f"of {done.hosts_unplaced:,} more hosts nobody knows whose they are"
    )
    if not done.keys_checked:
        say(f"no key was looked over for flaws; before you send anything run: mailcensus enrich {directory}")
    say(str(done.folder / "notices.csv"))


def sent(
    directory: StudyDirectory,
    notices: Annotated[
        list[Path], typer.Argument(metavar="NOTICE...", help="Folders of notices that you sent.")
    ],
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="To whom, where that was somebody else.")
    ] = None,
) -> None:
    """Note in the ledger (DIR/outreach/ledger.jsonl) that notices were sent, and what they told.

    Nothing is sent by this command, nor by any other.
    """
    from mailcensus.outreach.ledger import append, sent_event

    study = Study.open(directory)
    events = [sent_event(folder, datetime.now(UTC), to) for folder in notices]
    append(study, events)
    say(f"{len(events):,} notices noted as sent")


def answered(
    directory: StudyDirectory,
    notice: Annotated[
        str, typer.Argument(metavar="NOTICE", help="Its name, as `outreach ledger` prints it.")
    ],
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What they said.")] = None,
) -> None:
    """Note in the ledger that somebody answered."""
    from mailcensus.outreach.ledger import Event, append, read_ledger

    study = Study.open(directory)
    names = {event.notice for event in read_ledger(study) if event.event == "sent"}
    if notice not in names:
        raise StudyError(
            f"{notice}: no such notice was sent; `mailcensus outreach ledger {directory}` lists all"
        )
    append(study, [Event(at=datetime.now(UTC), event="answered", notice=notice, note=note)])


def ledger(directory: StudyDirectory, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """What was sent and answered, and how much of what was told is mended by now.

    Looked at are the newest run, where it is newer than the one told of, and all re-checks (`mailcensus recheck`).
    What did not answer is unknown, never mended.
    """
    from dataclasses import asdict, fields

    from mailcensus.analysis.evidence import gather
    from mailcensus.cli.json_lines import print_json
    from mailcensus.cli.tables import print_table
    from mailcensus.dataset.left_out import dataset_of
    from mailcensus.outreach.ledger import read_ledger
    from mailcensus.outreach.ledger_fixed import NoticeState, states
    from mailcensus.outreach.pseudonyms import known_secret

    study = open_study(directory)
    events = read_ledger(study)
    with waiting("look at the newest run", quiet=quiet):
        rows = states(events, gather(dataset_of(study)), known_secret(directory)) if events else []
    if as_json:
        for row in rows:
            print_json(asdict(row))
    else:
        columns = [field.name for field in fields(NoticeState)]
        print_table(columns, ([_short(getattr(row, name)) for name in columns] for row in rows))


def _short(value: object) -> object:
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else value


def _one_of(kind: type[_Named], option: str, name: str) -> _Named:
    try:
        return kind(name)
    except ValueError:
        raise StudyError(f"{option} {name}: there are: {', '.join(kind)}") from None


def _group_name(row: dict[str, str]) -> str:
    if not row["group"]:
        raise ValueError("no group")
    return row["group"]
