"""`mailcensus upgrade`: a dataset of an earlier mailcensus as it is written now."""

from __future__ import annotations

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.talk import say
from mailcensus.dataset.migrations.upgrade import Outdated, upgrade
from mailcensus.dataset.migrations.version import DATASET_VERSION
from mailcensus.study import Study, StudyError


def upgrade_command(directory: StudyDirectory, quiet: Quiet = False) -> None:
    """Write the parts of a dataset anew that an earlier mailcensus wrote, so that its study can go on.

    Analyses and reports read older datasets as they are; commands that record anything refuse them until then. What
    was not recorded is null; certificates are read again out of their bytes. Interrupt it at any time and run it
    again to go on. Run twice, it changes nothing. Then says what study.toml must say otherwise today, if anything.
    """
    data = directory / "data"
    if not data.is_dir():
        raise StudyError(f"{data}: not found; there is nothing to upgrade")

    def show(one: Outdated) -> None:
        if not quiet:
            say(f"{one.table}/{one.part.path.name}: from dataset version {one.version} to {DATASET_VERSION}")

    count = upgrade(data, show)
    if not quiet:
        say(f"{count} parts written anew" if count else f"nothing to do: dataset version {DATASET_VERSION}")
    Study.open(directory)
