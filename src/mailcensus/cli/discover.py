"""`mailcensus discover`: who of the population answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.stages import current_run, open_study, run_discovery
from mailcensus.cli.talk import say
from mailcensus.study import Study


class EngineName(StrEnum):
    """What --engine takes."""

    CONNECT = "connect"
    ZMAP = "zmap"
    MASSCAN = "masscan"


def discover(
    directory: StudyDirectory,
    engine: Annotated[
        EngineName | None, typer.Option(help="Instead of discovery.engine of study.toml, this time.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Find out who of the population answers on the discovery ports.

    Asks politely and in a permuted order; interrupt it at any time and run it again to go on. What it finds are
    the hits (data/hits).
    """
    study = open_study(directory)
    if engine is not None:
        study = _with_engine(study, engine)
    with current_run(study) as run:
        if not run_discovery(study, run, quiet=quiet):
            say(f"discovery of run {run.run_id} is done already; next: mailcensus collect {directory}")


def _with_engine(study: Study, engine: EngineName) -> Study:
    settings = study.settings
    discovery = settings.discovery.model_copy(update={"engine": str(engine)})
    return Study(study.directory, settings.model_copy(update={"discovery": discovery}))
