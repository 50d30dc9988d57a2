"""`mailcensus collect`: every service of every hit."""

from __future__ import annotations

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.stages import current_run, open_study, run_collection
from mailcensus.cli.talk import say


def collect(directory: StudyDirectory, quiet: Quiet = False) -> None:
    """Ask every service of every hit, and record what it says.

    Interrupt it at any time and run it again to go on: what is recorded is not asked again. Records are in
    data/grabs, data/certificates and data/keys.
    """
    study = open_study(directory)
    with current_run(study) as run:
        if not run_collection(study, run, quiet=quiet):
            say(f"collection of run {run.run_id} is done already; next: mailcensus report {directory}")
