"""The map of hosts out of its table."""

from __future__ import annotations

import pyarrow as pa

from mailcensus.analysis.host_locations import HostLocationRow
from mailcensus.model import schema_of
from mailcensus.report.maps import Area, Dot, area_of
from mailcensus.report.maps.hosts import host_map


def test_the_map_shows_all_dots_and_not_much_else() -> None:
    dublin, cork, miami, honolulu, tokyo = (
        Dot(*place, "kind")
        for place in ((53.35, -6.26), (51.9, -8.47), (25.76, -80.19), (21.3, -157.86), (35.7, 139.7))
    )
    assert area_of([dublin, cork]) is Area.FITTED
    assert area_of([miami, honolulu]) is Area.UNITED_STATES
    assert area_of([miami, dublin]) is Area.WORLD
    assert area_of([tokyo, dublin]) is Area.WORLD
    assert area_of([]) is Area.WORLD


def test_hosts_are_told_by_whether_they_share_keys() -> None:
    rows = [
        {"latitude": 53.35, "longitude": -6.26, "city": "Dublin", "region": None, "country": "IE", "hosts": 9,
         "known": 7, "sharing": 4},
        {"latitude": 51.9, "longitude": -8.47, "city": None, "region": None, "country": "IE", "hosts": 2, "known": 2,
         "sharing": 0},
    ]  # fmt: skip
    figure = host_map(pa.Table.from_pylist(rows, schema_of(HostLocationRow)))
    assert figure is not None
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [
        "share a key with another host (4)", "show keys of their own alone (5)", "show no key (2)",
    ]  # fmt: skip
    assert host_map(schema_of(HostLocationRow).empty_table()) is None
