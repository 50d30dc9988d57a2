"""`mailcensus recheck`: ask the hosts of a cluster again, with programs of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
import uvloop

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.options import AsJson, Quiet, StudyDirectory
from mailcensus.cli.progress import Snapshot, StageTalk
from mailcensus.cli.stages import current_run, open_study
from mailcensus.cli.tables import print_table
from mailcensus.cli.talk import waiting
from mailcensus.model import Recheck, RecheckVerdict
from mailcensus.probe.recheck import Expected
from mailcensus.probe.recheck import recheck as ask_again
from mailcensus.study import Study


def recheck(
    directory: StudyDirectory,
    cluster: Annotated[int, typer.Option(metavar="N", help="The cluster's number in the newest run.", min=1)],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Ask the hosts of a cluster for its shared keys again, with ssh-keyscan and openssl.

    Every key is asked for at the address, service and port where it was seen, within the study's rates and
    exclusions, one connection at a time per address. Results are kept in data/rechecks. Unreachable is neither a
    match nor a mismatch. With --json one object a line for each key and place.
    """
    study = open_study(directory)
    with waiting("analyse", quiet=quiet):
        run_id, expected = _expected(study, cluster)
    rows: list[Recheck] = []
    with current_run(study) as run, StageTalk("recheck", quiet=quiet) as talk:

        def count(row: Recheck) -> None:
            rows.append(row)
            agree = sum(row.verdict is RecheckVerdict.AGREES for row in rows)
            talk.show(Snapshot(len(rows), len(expected), "keys", agree, len(rows), "agree"))

        answers = uvloop.run(ask_again(study, run, run_id, cluster, expected, count))
    if as_json:
        for row in answers:
            print_json(asdict(row))
    else:
        _print(answers)


def _expected(study: Study, cluster: int) -> tuple[str, list[Expected]]:
    from mailcensus.analysis.cluster_places import cluster_places  # here, for what it imports: see stages
    from mailcensus.analysis.evidence import gather
    from mailcensus.dataset.left_out import dataset_of

    evidence = gather(dataset_of(study))
    places = cluster_places(evidence, cluster)
    assert evidence.run_id is not None  # it has a cluster
    return evidence.run_id, [
        Expected(place.ip, place.port, place.service, place.spki_sha256, place.algorithm, place.server_name)
        for place in places
    ]


def _print(rows: Sequence[Recheck]) -> None:
    counts = Counter(row.verdict for row in rows)
    print_table(("verdict", "keys and places"), [(verdict, counts[verdict]) for verdict in RecheckVerdict])
    versions = {(row.client, row.client_version or "not installed") for row in rows}
    print_table(("client", "version"), sorted(versions))
    columns = ("ip", "port", "service", "verdict", "spki_sha256", "spki_seen", "detail")
    others = [row for row in rows if row.verdict is not RecheckVerdict.AGREES]
    if others:
        print_table(columns, [[getattr(row, name) for name in columns] for row in others])
