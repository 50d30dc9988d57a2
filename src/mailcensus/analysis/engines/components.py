"""Connected components on the engine that holds the showings, round by round, instead of in memory here.

Every host has a label, at first its own number, and names by it a host that it is linked to. In a round each key takes
the smallest label of the hosts that its hosts name, and each host, and the host it names, the smallest of its keys;
then labels are followed one step further (FastSV: Zhang, Azad and Buluc 2020). It is done when a round changes nothing.
"""

from __future__ import annotations

import ibis

from mailcensus.dataset.tables import Dataset
from mailcensus.study import StageFailed

MAX_ROUNDS = 64
"""More than a chain of a million hosts takes."""


def clusters_on_engine(dataset: Dataset, showings: ibis.Table) -> tuple[ibis.Table, int]:
    """The cluster of every showing, numbered as `components.number_clusters` does it.

    Args:
        dataset: holds the showings and what is worked out.
        showings: host, key and other columns; held.
    Returns:
        The showings with `cluster`, held, and the rounds it took.
    Raises:
        StageFailed: it is not done after MAX_ROUNDS.
    """
    labels = dataset.put("labels_0", showings.group_by("host").agg(label=showings.host.min()))
    total = _total(labels)
    for rounds in range(1, MAX_ROUNDS + 1):
        labels = dataset.put(f"labels_{rounds % 2}", _nearer(dataset, showings, labels))
        before, total = total, _total(labels)
        if total == before:
            return dataset.put("clustered", _numbered(showings, labels)), rounds
    raise StageFailed(f"clusters: not done after {MAX_ROUNDS} rounds; analyse with --backend duckdb")


def _nearer(dataset: Dataset, showings: ibis.Table, labels: ibis.Table) -> ibis.Table:
    """Labels after one round; none is larger than before."""
    named = labels.select(label="host", further="label")
    followed = labels.join(named, "label")
    shown = showings.select("host", "key").join(followed, "host")
    by_key = shown.group_by("key").agg(nearest=shown.further.min())
    reached = showings.select("host", "key").join(by_key, "key")
    nearest = reached.group_by("host").agg(nearest=reached.nearest.min())
    known = dataset.put("labels_known", followed.join(nearest, "host"))
    offers = ibis.union(
        known.select("host", label="nearest"),
        known.select(host="label", label="nearest"),
        known.select("host", label="further"),
    )
    return offers.group_by("host").agg(label=offers.label.min())


def _total(labels: ibis.Table) -> int:
    """What gets smaller in each round that changes anything."""
    return int(labels.label.cast("int64").sum().to_pyarrow().as_py() or 0)


def _numbered(showings: ibis.Table, labels: ibis.Table) -> ibis.Table:
    sizes = labels.group_by("label").agg(members=labels.count())
    place = ibis.row_number().over(order_by=[sizes.members.desc(), sizes.label])
    numbers = sizes.select("label", cluster=(place + 1).cast("int64"))
    return showings.join(labels.join(numbers, "label").select("host", "cluster"), "host")
