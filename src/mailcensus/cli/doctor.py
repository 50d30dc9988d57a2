"""`mailcensus doctor`: whether this machine and a study are fit to work, and how to mend what is not."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from mailcensus.cli.check_lines import print_checks
from mailcensus.cli.doctor_machine import machine_lines
from mailcensus.cli.doctor_study import study_lines
from mailcensus.cli.options import AsJson
from mailcensus.cli.verbs import Exit
from mailcensus.discovery.preflight_line import Line
from mailcensus.discovery.preflight_machine import clock_lines, descriptor_line
from mailcensus.model import Verdict
from mailcensus.study import Settings, Study, StudyError

_LEAST_FREE_BYTES = 1_000_000_000
"""A study of a country takes some gigabytes; with less than one, none is worth beginning."""


def doctor(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A study's directory; without, the machine alone.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look this machine over, and a study: Python, packages, open files, zmap and masscan, clock, DNS, disk, contact,
    ages of databases, version of the dataset. Each finding that is not well has its mend.

    Asks nobody but the configured DNS resolvers, which are asked for the name localhost, and in a lab not the
    system's; `mailcensus preflight` looks at the way out. Exit status 1 if anything has failed.
    """
    lines = uvloop.run(examine(directory))
    print_checks(lines, as_json=as_json)
    if any(line.verdict is Verdict.FAILED for line in lines):
        raise typer.Exit(Exit.FAILED)


async def examine(directory: Path | None) -> list[Line]:
    """Every line; those of the machine first. A study that cannot be read is a line too."""
    study, lines = Study(directory or Path(), Settings()), list[Line]()
    if directory is not None:
        try:
            study = Study.open(directory)
            lines = await study_lines(study)
        except StudyError as error:
            lines = [_unreadable(directory, error)]
    return [
        *machine_lines(study.settings.discovery.engine),
        *clock_lines(study.data),
        descriptor_line(study),
        *_disk(study),
        *lines,
    ]


def _disk(study: Study) -> Sequence[Line]:
    """Room for the records; how many addresses are asked is the preflight's business."""
    if not study.directory.is_dir():
        return []
    free = shutil.disk_usage(study.directory).free
    verdict, mend = (Verdict.FAILED, "free some space") if free < _LEAST_FREE_BYTES else (Verdict.OK, None)
    return [Line("disk", str(study.directory), verdict, f"{free / 1e6:,.0f} MB free", mend)]


def _unreadable(directory: Path, error: StudyError) -> Line:
    path = str(directory / "study.toml")
    return Line("study", path, Verdict.FAILED, str(error).removeprefix(f"{path}: "), "mend study.toml")
