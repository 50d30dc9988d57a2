"""What must hold after any fault, read from the dataset and from the lab's own log of what it was asked.

Nothing lost: every service of every host that answers has its grab, with the outcome that is true.
Nothing doubled: a hit, a grab's attempt, a certificate and a key stand once in the dataset.
Nothing asked twice, but for what was asked shortly before a fault (`WINDOW_S`).
No cap exceeded: one connection at a time per address, the rate over everything, and nobody who is excluded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from mailcensus.dataset.damage import damaged_parts
from mailcensus.dataset.tables import Dataset
from mailcensus.lab.ledger import Visit, read_ledger
from torture.scene import FLUSH_S, RATE_PER_S, Fault, Scene

Row = dict[str, Any]

DISCOVERY_WINDOW_S = 8.0
"""Discovery stores its position every 5 s; the rest is for a loaded machine."""
WINDOW_S = FLUSH_S + 5.0
"""Collection flushes after FLUSH_S; a flush waits for the disk and for others on the machine."""
NOTICED_S = 5.0
"""How long after a kill the lab may take to notice."""
_RATE_OVER_S = 5.0
_BURST = 1.15
"""A lab that is late accepts some connections closer together than they were made."""


def check(scene: Scene, *, asked_again: Collection[str] = ()) -> str:
    """Raise a Fault unless all holds; else a few numbers.

    Args:
        asked_again: services that may be asked more than once whenever it was ("*": all), since what was known of
            them was destroyed.
    """
    grabs = _rows(scene, "grabs")
    visits = _visits(scene)
    troubles = [
        *_lost(scene, grabs),
        *_doubled(scene, grabs),
        *_caps(scene, visits),
        *([] if "*" in asked_again else _asked_twice(scene, grabs, visits)),
        *(f"damaged: {one.part.path}" for one in damaged_parts(scene.directory / "data")),
    ]
    if troubles:
        raise Fault("; ".join(troubles[:6]))
    return f"{len(grabs)} grabs, {len(visits)} connections, {len(scene.struck_at_s)} faults"


def _rows(scene: Scene, table: str) -> list[Row]:
    rows: list[Row] = Dataset(scene.directory / "data").table(table).to_pyarrow().to_pylist()
    return rows


def _visits(scene: Scene) -> list[Visit]:
    ours = scene.ledger.with_suffix(".peer").read_text()
    return [visit for visit in read_ledger(scene.ledger) if visit.peer != ours]


def final(grabs: Sequence[Row]) -> dict[tuple[str, str], Row]:
    """The last attempt at each service of each address."""
    last: dict[tuple[str, str], Row] = {}
    for row in grabs:
        name = row["ip"], row["service"]
        if name not in last or row["attempt"] > last[name]["attempt"]:
            last[name] = row
    return last


def _lost(scene: Scene, grabs: Sequence[Row]) -> Iterator[str]:
    found = {row["ip"] for row in _rows(scene, "hits") if not row["canary"]}
    expected = set(scene.truth.responding) - {scene.excluded}
    if found != expected:
        yield f"hits: {len(expected - found)} lost, {len(found - expected)} too many"
    outcomes = {name: row["outcome"] for name, row in final(grabs).items()}
    for ip in sorted(expected):
        for service, truth in scene.truth.hosts[ip].services.items():
            had = outcomes.get((ip, service))
            if had != truth.outcome:
                yield f"{ip} {service}: {had}, in truth {truth.outcome}"


def _doubled(scene: Scene, grabs: Sequence[Row]) -> Iterator[str]:
    keys = {
        "hits": [(row["ip"], row["port"], row["canary"]) for row in _rows(scene, "hits")],
        "grabs": [(row["ip"], row["service"], row["attempt"]) for row in grabs],
        "certificates": [row["sha256"] for row in _rows(scene, "certificates")],
        "keys": [row["spki_sha256"] for row in _rows(scene, "keys")],
    }
    for table, names in keys.items():
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            yield f"{table}: twice there: {twice[:3]}"
    shown = {name for row in grabs if row["tls"] for name in row["tls"]["chain"] or ()}
    if missing := shown - set(keys["certificates"]):
        yield f"certificates: {len(missing)} that grabs show are not there"


def _caps(scene: Scene, visits: Sequence[Visit]) -> Iterator[str]:
    if any(visit.ip == scene.excluded for visit in visits):
        yield f"{scene.excluded} is excluded and was asked"
    crowded = [visit for visit in visits if visit.open_on_address > 1 and not _follows_a_fault(scene, visit)]
    if crowded:
        yield f"{len(crowded)} connections to an address that had one open: {crowded[0].ip}:{crowded[0].port}"
    opened = sorted(visit.opened_s for visit in visits)
    first = 0
    for last, at_s in enumerate(opened):
        while at_s - opened[first] > _RATE_OVER_S:
            first += 1
        if last - first + 1 > _BURST * RATE_PER_S * (_RATE_OVER_S + 1):
            yield f"{last - first + 1} connections within {_RATE_OVER_S:g} s"
            return


def _asked_twice(scene: Scene, grabs: Sequence[Row], visits: Sequence[Visit]) -> Iterator[str]:
    """Services with more connections than grabs, discovery's one aside, that no fault explains."""
    recorded = Counter((row["ip"], row["service"]) for row in grabs)
    asked: dict[tuple[str, str], list[Visit]] = defaultdict(list)
    for visit in visits:
        asked[visit.ip, visit.service].append(visit)
    for name, connections in asked.items():
        expected = recorded[name] + (name[1] == "smtp")
        excess = len(connections) - expected
        if excess > 0 and excess > sum(_is_excused(scene, visit) for visit in connections):
            yield f"{name[0]} {name[1]}: {len(connections)} connections for {expected} on disk"


def _follows_a_fault(scene: Scene, visit: Visit) -> bool:
    """Whether the lab, busy as it is, may not have noticed yet that a killed process's connections are closed."""
    return any(0 <= visit.opened_s - at_s <= NOTICED_S for at_s in scene.struck_at_s)


def _is_excused(scene: Scene, visit: Visit) -> bool:
    """Whether a fault came so soon behind a connection that what it showed may not have been on disk."""
    ended_s = visit.opened_s if visit.closed_s is None else visit.closed_s
    window_s = WINDOW_S if visit.heard else DISCOVERY_WINDOW_S
    return any(visit.opened_s <= at_s + 0.5 and at_s <= ended_s + window_s for at_s in scene.struck_at_s)
