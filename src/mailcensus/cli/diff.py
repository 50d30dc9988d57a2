"""`mailcensus diff`: what became of addresses, keys and clusters between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailcensus.cli.comparing import Out, run_ids, show, snapshot_of
from mailcensus.cli.options import AsJson, Quiet, StudyDirectory
from mailcensus.cli.talk import waiting
from mailcensus.study import Study, StudyError

if TYPE_CHECKING:
    from mailcensus.analysis.snapshot import Snapshot


def diff(
    directory: StudyDirectory,
    other: Annotated[
        Path | None, typer.Argument(metavar="[DIR_B]", help="The later study. [default: the same one]")
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="A run; give it twice, first of DIR, then of DIR_B. [default: the newest]"
        ),
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare two studies, or two runs of one study.

    Addresses and keys are kept, moved, rotated, renewed with the same key, gone or new; clusters are kept, grown,
    shrunk, merged, split, born or dead. What one of the two runs did not see is counted as unknown and is neither
    gone nor new. Of one study its two newest runs are compared. With --json the rows of all tables are printed, each
    as {"table": ..., "row": ...}.
    """
    from mailcensus.analysis.diff import TABLES
    from mailcensus.analysis.diff import diff as compare

    study = Study.open(directory)
    later = study if other is None else Study.open(other)
    one, two = _runs(study, later, run or [])
    a, b = (
        snapshot_of(which, label, run_id, quiet=quiet)
        for which, label, run_id in ((study, "A", one), (later, "B", two))
    )
    with waiting("compare", quiet=quiet):
        tables = compare(a, b)
    title = f"{study.settings.study.name}: {a.run_id[:10]} and {b.run_id[:10]}"
    show(
        TABLES,
        tables,
        printed=("runs", "summary"),
        as_json=as_json,
        out=out,
        title=title if later is study else f"{study.settings.study.name} and {later.settings.study.name}",
        sentences=_sentences(a, b, {row["name"]: row["value"] for row in tables["summary"].to_pylist()}),
    )


def _runs(study: Study, later: Study, wanted: list[str]) -> tuple[str | None, str | None]:
    """Ids of the runs to compare; None: the newest."""
    if wanted:
        if len(wanted) != 2:
            raise StudyError(f"--run: given {len(wanted)} times; give it twice, first of DIR, then of DIR_B")
        return wanted[0], wanted[1]
    if study.directory.resolve() != later.directory.resolve():
        return None, None
    runs = run_ids(study)
    if len(runs) < 2:
        raise StudyError(
            f"{study.directory}: has {len(runs)} run with grabs; name a second study to compare it with"
        )
    return runs[-2], runs[-1]


def _sentences(a: Snapshot, b: Snapshot, counts: dict[str, int]) -> list[str]:
    sentences = [
        f"Of A (run {a.run_id}) and B (run {b.run_id}): {counts['addresses_kept']:,} addresses show one of their keys "
        f"again, {counts['addresses_rotated']:,} show others; {counts['addresses_gone']:,} are gone and "
        f"{counts['addresses_appeared']:,} are new. {counts['places_renewed']:,} services renewed their certificate "
        f"with the same key, {counts['places_rotated']:,} have another key; {counts['keys_moved']:,} keys moved."
    ]
    one_sided = ("silent_after", "not_asked_after", "silent_before", "not_asked_before")
    silent_a, left_a, silent_b, left_b = (counts[f"addresses_{word}"] for word in one_sided)
    if silent_a + left_a + silent_b + left_b:
        sentences.append(
            f"Their populations or answers differ: of A's addresses with keys {left_a:,} were not asked by B and "
            f"{silent_a:,} kept silent; of B's {left_b:,} were not asked by A and {silent_b:,} kept silent then. "
            "None of these is gone or new."
        )
    if a.services != b.services:
        only = sorted(set(a.services) ^ set(b.services))
        sentences.append(
            f"Only one of the two asked for {', '.join(only)}: nothing is said of these services."
        )
    return sentences
