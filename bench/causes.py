"""How often readings of causes are right: a confusion matrix over labs whose truth is known.

    python -m bench.causes [SEEDS]        (20 labs of 1,000 hosts unless told)

The records are made straight from each lab's plan, noise added; the analysis sees nothing else. A group counts once,
however many hosts it has; one that the analysis found in pieces counts by its largest piece.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.cause_rules import Reading
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.lab.population import make_plan
from mailcensus.lab.readings import groups_of
from mailcensus.lab.records import Noise, Records, records_of
from mailcensus.model import TABLES as RECORDS

HOSTS = 1_000
SEEDS = 20
BLOCK = "127.32.0.0/20"
BAR = 0.90
TRUTHS = tuple(reading for reading in Reading if reading is not Reading.UNKNOWN)


@dataclass(slots=True)
class Matrix:
    """Groups by truth and reading."""

    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_cause: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The same by the lab's finer causes."""
    by_confidence: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def recall(self, truth: str) -> float:
        """Of the groups of a cause, the share read so."""
        return self.cells[truth, truth] / sum(n for (t, _), n in self.cells.items() if t == truth)

    def precision(self, reading: str) -> float:
        """Of the groups read so, the share that is so."""
        return self.cells[reading, reading] / max(
            1, sum(n for (_, r), n in self.cells.items() if r == reading)
        )


def measure(seeds: Iterable[int], noise: Noise) -> Matrix:
    """The matrix over one lab for each seed."""
    matrix = Matrix()
    for seed in seeds:
        plan = make_plan(seed, HOSTS, block=BLOCK)
        read = _read(records_of(plan, noise, seed))
        seen = set(read)
        for group in groups_of(plan, seen):
            pieces = Counter(read[ip][0] for ip in group.addresses if read[ip][0])
            cluster = pieces.most_common(1)[0][0] if pieces else 0
            _, reading, confidence = next(read[ip] for ip in group.addresses if read[ip][0] == cluster)
            if cluster:
                matrix.cells[group.reading, reading] += 1
                matrix.by_cause[group.cause, reading] += 1
                matrix.by_confidence[confidence or "none", group.reading == reading] += 1
    return matrix


def _read(records: Records) -> dict[str, tuple[int, str, str | None]]:
    """Address to cluster (0: none), reading and confidence."""
    specs = {spec.name: spec for spec in TABLES}
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory)
        for table in ("grabs", "certificates", "keys", "hosts"):
            PartWriter(data, table, RECORDS[table]).write(getattr(records, table))
        evidence = gather(Dataset(data))
        causes = {row["cluster"]: row for row in rows_of(specs["cluster_causes"], evidence).to_pylist()}
        members = rows_of(specs["cluster_hosts"], evidence).to_pylist()
    read: dict[str, tuple[int, str, str | None]] = {grab.ip: (0, "", None) for grab in records.grabs}
    for row in members:
        cause = causes[row["cluster"]]
        read[row["ip"]] = (row["cluster"], cause["reading"], cause["confidence"])
    return read


def markdown(matrix: Matrix) -> str:
    """The matrix as a table: a row for each truth, a column for each reading."""
    short = [str(reading) for reading in Reading]
    lines = [
        "| truth | " + " | ".join(short) + " | recall | precision |",
        "| --- |" + " ---: |" * (len(short) + 2),
    ]
    for truth in map(str, TRUTHS):
        cells = [str(matrix.cells[truth, reading] or "") for reading in short]
        lines.append(
            f"| {truth} | "
            + " | ".join(cells)
            + f" | {matrix.recall(truth):.1%} | {matrix.precision(truth):.1%} |"
        )
    return "\n".join(lines)


def main(seeds: int) -> None:
    """Measure and print."""
    for name, noise in (("noise as in the lab", Noise()), ("no facts about addresses", Noise(unplaced=1.0))):
        matrix = measure(range(seeds), noise)
        print(f"\n{name}: {seeds} labs of {HOSTS:,} hosts, {sum(matrix.cells.values()):,} groups\n")
        print(markdown(matrix))
        for confidence in ("high", "medium", "low", "none"):
            right, wrong = (matrix.by_confidence[confidence, was_right] for was_right in (True, False))
            if right + wrong:
                print(
                    f"confidence {confidence}: {right} of {right + wrong} right, {right / (right + wrong):.1%}"
                )
        for (cause, reading), count in sorted(matrix.by_cause.items()):
            print(f"  {cause:<20} {reading:<16} {count}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
