"""`mailcensus collect`: every service of every hit."""

from __future__ import annotations

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.stages import current_run, open_study, run_collection, run_followups
from mailcensus.cli.talk import say


def collect(directory: StudyDirectory, quiet: Quiet = False) -> None:
    """Ask every service of every hit, and record what it says; then what the study wants asked again.

    Interrupt it at any time and run it again to go on: what is recorded is not asked again. Records are in
    data/grabs, data/certificates and data/keys; of follow-ups in data/followups and data/enumerations.
    """
    study = open_study(directory)
    with current_run(study) as run:
        collected = run_collection(study, run, quiet=quiet)
        followed = run_followups(study, run, quiet=quiet)
        if not (collected or followed):
            say(f"collection of run {run.run_id} is done already; next: mailcensus report {directory}")
