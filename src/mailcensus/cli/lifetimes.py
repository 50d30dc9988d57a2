"""`mailcensus lifetimes`: how long keys stay, over many runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailcensus.cli.comparing import Out, labels_of, run_ids, show, snapshot_of
from mailcensus.cli.options import AsJson, Quiet
from mailcensus.cli.talk import waiting
from mailcensus.study import Study, StudyError


def lifetimes(
    directories: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Studies of the same population; all runs of each count."),
    ],
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Follow keys over all runs of one study, or of several.

    When each key was first and last seen, how long keys stay in their place (a survival curve that does not take
    silence for an end), and how many renewed certificates kept their key. With --json the rows of all tables are
    printed, each as {"table": ..., "row": ...}.
    """
    from mailcensus.analysis.lifetimes import TABLES
    from mailcensus.analysis.lifetimes import lifetimes as follow

    labels = labels_of(directories)
    snapshots = []
    for directory, label in zip(directories, labels, strict=True):
        study = Study.open(directory)
        snapshots += [snapshot_of(study, label, run_id, quiet=quiet) for run_id in run_ids(study)]
    if len(snapshots) < 2:
        raise StudyError(f"{len(snapshots)} run with grabs; lifetimes need two or more")
    with waiting("follow keys", quiet=quiet):
        tables = follow(snapshots)
    last = tables["survival"].to_pylist()[-1:]
    sentences = [f"{tables['key_lifetimes'].num_rows:,} keys in {len(snapshots)} runs."]
    sentences += [
        f"After {row['days']:,.4g} days {row['survival_share']:.1%} of keys are estimated to be still in their place."
        for row in last
    ]
    show(
        TABLES,
        tables,
        printed=("runs", "survival", "renewals"),
        as_json=as_json,
        out=out,
        title=", ".join(labels),
        sentences=sentences,
    )
