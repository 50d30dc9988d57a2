"""The stage that looks over keys, as the verbs run it.

The checks are imported where they are used: badkeys brings OpenSSL's bindings with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailcensus.cli.progress import Snapshot, StageTalk
from mailcensus.dataset.run import CurrentRun
from mailcensus.facts.blocklist import Blocklist
from mailcensus.study import Study, StudyError

if TYPE_CHECKING:
    from mailcensus.facts.check_keys import KeyProgress


def check_key_lists(study: Study) -> None:
    """Find out early that a list of keys or certificates is not there.

    Raises:
        StudyError: it is not there, or no such list.
    """
    wanted = study.settings.facts
    if wanted.key_blocklist is not None:
        Blocklist(study.path(wanted.key_blocklist))
    if wanted.default_certificates is not None and not study.path(wanted.default_certificates).is_file():
        raise StudyError(
            f"{study.path(wanted.default_certificates)}: not found; mend facts.default_certificates"
        )


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
