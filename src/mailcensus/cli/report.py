"""`mailcensus report`: what people read."""

from __future__ import annotations

import sys

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.stages import run_analysis, run_report
from mailcensus.study import Study


def report(directory: StudyDirectory, quiet: Quiet = False) -> None:
    """Analyse what there is and write the report.

    Prints the path of its first page, report/index.html, which opens in any browser without a network. A study that
    found nothing, or is not complete, has a report that says so.
    """
    study = Study.open(directory)
    page = run_report(study, run_analysis(study, quiet=quiet), quiet=quiet)
    sys.stdout.write(f"{page}\n")
