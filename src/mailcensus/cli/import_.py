"""`mailcensus import`: results of other tools."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.progress import Snapshot, StageTalk
from mailcensus.cli.talk import say
from mailcensus.dataset.imports import Imported, import_file
from mailcensus.study import Study


class Format(StrEnum):
    """What --from takes."""

    ZMAP = "zmap"
    MASSCAN = "masscan"
    NMAP = "nmap"
    ZGRAB2 = "zgrab2"


def import_(
    directory: StudyDirectory,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The other tool's results; may be gzip's.")],
    source: Annotated[Format, typer.Option("--from", help="The tool that wrote the file.")],
    quiet: Quiet = False,
) -> None:
    """Take in the results of another tool as a run of their own.

    Of zmap, masscan and nmap come hits on the ports of discovery.ports, of zgrab2 grabs with their certificates and
    keys. Rows that cannot be read are kept in data/rejects. The same file again changes nothing.
    """
    study = Study.open(directory)
    with StageTalk(f"import {file.name}", quiet=quiet) as talk:

        def show(imported: Imported, share: float) -> None:
            taken = imported.hits + imported.grabs
            total = max(imported.rows, round(imported.rows / share)) if share else imported.rows
            talk.show(Snapshot(imported.rows, total, "rows", taken, imported.rows, "taken"))

        imported = import_file(study, str(source), file, show)
    say(_words(imported, file))


def _words(imported: Imported, file: Path) -> str:
    if imported.already:
        return f"{file} was imported already, as run {imported.run_id}"
    rejected = f", {imported.rejected:,} could not be read ({imported.rejects})" if imported.rejected else ""
    return (
        f"{file}: {imported.rows:,} rows: {imported.hits:,} hits, {imported.grabs:,} grabs, "
        f"{imported.passed_over:,} passed over{rejected}; run {imported.run_id}"
    )
