"""The stage that looks over keys, as the verbs run it.

The checks are imported where they are used: badkeys brings OpenSSL's bindings with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailcensus.cli.progress import Snapshot, StageTalk
from mailcensus.dataset.run import CurrentRun
from mailcensus.study import Study

if TYPE_CHECKING:
    from mailcensus.facts.check_keys import KeyProgress


def run_key_checks(study: Study, run: CurrentRun, *, quiet: bool) -> bool:
    """Look over the keys that have not been looked at; False where there are none, or the study wants none."""
    if not study.settings.facts.check_keys:
        return False
    from mailcensus.facts.check_keys import check_keys

    with (
        StageTalk("check keys", quiet=quiet) as above,
        StageTalk("batch GCD", quiet=quiet, below=above) as below,
    ):

        def show(progress: KeyProgress) -> None:
            if progress.steps:
                below.show(Snapshot(progress.steps_done, progress.steps, "steps", 0, 0, ""))
            else:
                done, found = progress.keys_done, progress.found
                above.show(Snapshot(done, progress.keys, "keys", found, done, "have a finding"))

        return check_keys(study, run, show)
