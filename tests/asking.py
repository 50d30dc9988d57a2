"""`mailcensus run` as far as it asks somebody: without tables and report, which cost a dozen seconds of CPU."""

from __future__ import annotations

import sys
from pathlib import Path

_ASK = """
import sys
from pathlib import Path
from mailcensus.cli.stages import current_run, open_study, run_discovery_and_collection, run_followups

study = open_study(Path(sys.argv[1]))
with current_run(study) as run:
    run_discovery_and_collection(study, run, quiet=True)
    run_followups(study, run, quiet=True)
"""


def asking(study: Path) -> list[str]:
    """A command line; it goes on where another, or a `mailcensus run`, has stopped."""
    return [sys.executable, "-c", _ASK, str(study)]
