"""`mailcensus import`: results of other tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.progress import Snapshot, StageTalk
from mailcensus.cli.talk import say
from mailcensus.dataset.imports import Imported, ImportedMail, import_file, import_mss
from mailcensus.dataset.imports.dns import ImportedAnswers, import_answers
from mailcensus.dataset.lock import WriterLock
from mailcensus.facts.domains.read_out import read_out
from mailcensus.facts.providers import infer_providers
from mailcensus.study import Study


class Format(StrEnum):
    """What --from takes."""

    ZMAP = "zmap"
    MASSCAN = "masscan"
    NMAP = "nmap"
    ZGRAB2 = "zgrab2"
    CENSYS = "censys"
    GOSCANNER = "goscanner"
    FARRELL = "farrell"
    MSS = "mss"
    ZDNS = "zdns"
    MASSDNS = "massdns"


def import_(
    directory: StudyDirectory,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The other tool's results; may be gzip's; of mss a directory."),
    ],
    source: Annotated[Format, typer.Option("--from", help="The tool that wrote the file.")],
    quiet: Quiet = False,
) -> None:
    """Take in the results of another tool as a run of their own.

    Of zmap, masscan and nmap come hits on the ports of discovery.ports; of zgrab2, goscanner (hosts.csv, with its
    certs.csv beside it), Censys (hosts as JSON lines) and farrell (the records.fresh of "Clusters of re-used keys")
    grabs with their certificates and keys; of mss (the files of "Where is your mail?", a study of .gov domains)
    domains, their exchanges and where these are; of zdns and massdns (`-o J`) answers of DNS, read as those of
    `mailcensus resolve` are. Rows that cannot be read are kept in data/rejects. The same file again changes nothing.
    """
    study = Study.open(directory)
    if source is Format.MSS:
        imported_mail = import_mss(study, file)
        say(_words_of_mail(imported_mail, file))
        say(_words_of_providers(study, imported_mail.run_id))
        return
    if source in (Format.ZDNS, Format.MASSDNS):
        imported_answers = import_answers(study, str(source), file)
        say(_words_of_answers(study, imported_answers, file, str(source)))
        say(_words_of_providers(study, imported_answers.run_id))
        return
    with StageTalk(f"import {file.name}", quiet=quiet) as talk:

        def show(imported: Imported, share: float) -> None:
            taken = imported.hits + imported.grabs
            total = max(imported.rows, round(imported.rows / share)) if share else imported.rows
            talk.show(Snapshot(imported.rows, total, "rows", taken, imported.rows, "taken"))

        imported = import_file(study, str(source), file, show)
    say(_words(imported, file))


def _words_of_providers(study: Study, run_id: str) -> str:
    """Says who handles the mail of the domains of an import, which has no later stages that would."""
    lock = WriterLock(study.data)
    try:
        inferred = infer_providers(study.data, run_id)
    finally:
        lock.release()
    return f"who handles their mail is known of {inferred.known:,} of {inferred.domains:,} domains"


def _words(imported: Imported, file: Path) -> str:
    if imported.already:
        return f"{file} was imported already, as run {imported.run_id}"
    rejected = f", {imported.rejected:,} could not be read ({imported.rejects})" if imported.rejected else ""
    return (
        f"{file}: {imported.rows:,} rows: {imported.hits:,} hits, {imported.grabs:,} grabs, "
        f"{imported.passed_over:,} passed over{rejected}; run {imported.run_id}"
    )


def _words_of_answers(study: Study, imported: ImportedAnswers, file: Path, source: str) -> str:
    domains = read_out(study, imported.run_id, source)
    if imported.already:
        return f"{file} was imported already, as run {imported.run_id}"
    rejected = f", {imported.rejected:,} could not be read ({imported.rejects})" if imported.rejected else ""
    return (
        f"{file}: {imported.rows:,} rows: {imported.answers:,} answers about {domains:,} domains{rejected}; "
        f"run {imported.run_id}"
    )


def _words_of_mail(imported: ImportedMail, directory: Path) -> str:
    if imported.already:
        return f"{directory} was imported already, as run {imported.run_id}"
    beside = (
        f", {imported.passed_over:,} MX records of domains not on the list" if imported.passed_over else ""
    )
    rejected = (
        f", {imported.rejected:,} rows could not be read ({imported.rejects})" if imported.rejected else ""
    )
    return (
        f"{directory}: {imported.domains:,} domains, {imported.exchanges:,} MX records, {imported.addresses:,} "
        f"addresses{beside}{rejected}; run {imported.run_id}"
    )
