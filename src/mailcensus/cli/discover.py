"""`mailcensus discover`: who of the population answers."""

from __future__ import annotations

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.stages import current_run, open_study, run_discovery
from mailcensus.cli.talk import say


def discover(directory: StudyDirectory, quiet: Quiet = False) -> None:
    """Find out who of the population answers on the discovery port.

    Asks politely and in a permuted order; interrupt it at any time and run it again to go on. What it finds are
    the hits (data/hits).
    """
    study = open_study(directory)
    with current_run(study) as run:
        if not run_discovery(study, run, quiet=quiet):
            say(f"discovery of run {run.run_id} is done already; next: mailcensus collect {directory}")
