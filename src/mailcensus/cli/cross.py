"""`mailcensus cross`: keys over the borders between studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailcensus.cli.comparing import Out, labels_of, show, snapshot_of
from mailcensus.cli.options import AsJson, Quiet
from mailcensus.cli.talk import waiting
from mailcensus.study import Study, StudyError


def cross(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="The studies' directories, two or more.")
    ],
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Look for keys that link several studies, of several countries for instance.

    Superclusters over all of them, links between each two, and the keys that cross borders; of each study the newest
    run. --out writes the graph too, as GraphML and for Graphviz, without addresses. With --json the rows of all
    tables are printed, each as {"table": ..., "row": ...}.
    """
    from mailcensus.analysis.cross import TABLES
    from mailcensus.analysis.cross import cross as compare
    from mailcensus.analysis.cross_graph import cross_dot, cross_graphml, graph_of

    if len(directories) < 2:
        raise StudyError("cross needs two studies or more")
    labels = labels_of(directories)
    studies = [Study.open(directory) for directory in directories]
    snapshots = [
        snapshot_of(study, label, None, quiet=quiet) for study, label in zip(studies, labels, strict=True)
    ]
    with waiting("compare", quiet=quiet):
        tables, sides = compare(snapshots)
    graph = graph_of(sides)
    rows = tables["superclusters"].to_pylist()
    over = [row for row in rows if row["over_borders"]]
    sentence = (
        f"{len(snapshots)} studies; {tables['border_keys'].num_rows:,} keys cross borders. Of {len(rows):,} "
        f"superclusters {len(over):,} have addresses of two or more studies"
    )
    largest = f"; the largest of these has {max(row['hosts'] for row in over):,}." if over else "."
    show(
        TABLES,
        tables,
        printed=("border_counts", "study_links"),
        as_json=as_json,
        out=out,
        title=", ".join(labels),
        sentences=[sentence + largest],
        graphs={"cross.graphml": cross_graphml(graph), "cross.dot": cross_dot(graph)},
    )
