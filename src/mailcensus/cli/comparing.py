"""What the verbs that compare runs have in common: which runs are meant, and how results are shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.tables import print_table
from mailcensus.cli.talk import say, waiting
from mailcensus.study import Study, StudyError
from mailcensus.wire.visible import visible

if TYPE_CHECKING:
    import pyarrow as pa

    from mailcensus.analysis.comparison import ComparisonSpec
    from mailcensus.analysis.snapshot import Snapshot

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write a page, and all tables as CSV and Parquet, there."),
]


def snapshot_of(study: Study, label: str, run_id: str | None, *, quiet: bool) -> Snapshot:
    """One run of a study, the newest unless told.

    Raises:
        StudyError: there is no such run.
    """
    from mailcensus.analysis.snapshot import take_snapshot  # here, for what it imports: see stages

    with waiting(f"read {study.directory}", quiet=quiet):
        return take_snapshot(study, label, run_id)


def run_ids(study: Study) -> list[str]:
    """The runs of a study that have grabs, oldest first."""
    from mailcensus.analysis.snapshot import runs_of
    from mailcensus.dataset.left_out import dataset_of

    return runs_of(dataset_of(study))


def labels_of(directories: Sequence[Path]) -> list[str]:
    """A short name for each study: its directory's, with a number where two have the same.

    Raises:
        StudyError: a directory is named twice.
    """
    resolved = [directory.resolve() for directory in directories]
    for directory, where in zip(directories, resolved, strict=True):
        if resolved.count(where) > 1:
            raise StudyError(f"{directory}: named twice; name each study once")
    names = [where.name for where in resolved]
    return [name if names.count(name) == 1 else f"{name}-{place}" for place, name in enumerate(names, 1)]


def show(
    specs: Sequence[ComparisonSpec],
    tables: Mapping[str, pa.Table],
    *,
    printed: Sequence[str],
    as_json: bool,
    out: Path | None,
    title: str,
    sentences: Sequence[str],
    graphs: Mapping[str, str] | None = None,
) -> None:
    """Print the results, and write their folder where one is wanted.

    Args:
        printed: names of the tables for people; programs (--json) get all.
    """
    if as_json:
        for spec in specs:
            for row in tables[spec.name].to_pylist():
                print_json({"table": spec.name, "row": row})
    else:
        for sentence in sentences:
            sys.stdout.write(f"{visible(sentence)}\n")
        for name in printed:
            table = tables[name]
            print_table(table.column_names, (row.values() for row in table.to_pylist()))
    if out is not None:
        from mailcensus.report.comparison_page import write_comparison

        say(str(write_comparison(out, title, sentences, specs, tables, graphs=graphs)))
