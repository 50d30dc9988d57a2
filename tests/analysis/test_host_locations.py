"""Where hosts are."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hand_made import Leaf, Server, evidence_of

from mailcensus.analysis.host_locations import host_locations

DUBLIN, CORK = (53.35, -6.26), (51.9, -8.47)


def test_hosts_are_counted_by_place_without_anycast_and_the_unplaced() -> None:
    shared = Leaf(key="shared", names=("a.example",))
    servers = (
        Server(ip="192.0.2.1", tls=shared, place=DUBLIN),
        Server(ip="192.0.2.2", tls=Leaf(key="own", names=("b.example",)), place=DUBLIN),
        Server(ip="192.0.2.3", place=DUBLIN),
        Server(ip="198.51.100.1", tls=shared, place=CORK),
        Server(ip="198.51.100.2", place=CORK, anycast=True),
        Server(ip="198.51.100.3", place=CORK, anycast=False),
        Server(ip="203.0.113.1"),
    )
    with evidence_of(*servers) as evidence:
        rows = host_locations(evidence).to_pyarrow().to_pylist()
    names = ("latitude", "longitude", "hosts", "known", "sharing", "share")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (*DUBLIN, 3, 2, 1, 0.5),
        (*CORK, 2, 1, 1, 1.0),
    ]
