"""Cluster numbers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.analysis.components import number_clusters

EDGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60)


def by_merging(edges: list[tuple[int, int]]) -> list[int]:
    """Components by merging sets until nothing changes, numbered as the analyses promise."""
    groups = [({host}, {key}) for host, key in edges]
    merged = True
    while merged:
        merged = False
        for place, (hosts, keys) in enumerate(groups):
            for other in groups[place + 1 :]:
                if hosts & other[0] or keys & other[1]:
                    hosts |= other[0]
                    keys |= other[1]
                    groups.remove(other)
                    merged = True
                    break
            if merged:
                break
    groups.sort(key=lambda group: (-len(group[0]), min(group[0])))
    numbers = {host: number for number, (hosts, _) in enumerate(groups, 1) for host in hosts}
    return [numbers[host] for host, _ in edges]


@settings(max_examples=700, deadline=None)
@given(EDGES)
def test_clusters_equal_those_found_by_merging_sets(edges: list[tuple[int, int]]) -> None:
    hosts, keys = np.array(edges, np.int64).reshape(-1, 2).T
    assert number_clusters(hosts, keys).tolist() == by_merging(edges)


def test_a_chain_of_hosts_is_one_cluster() -> None:
    """Each host shares one key with the next: the case in which relabelling only earlier hosts falls apart."""
    hosts = np.array([0, 1, 1, 2, 2, 3, 3, 4])
    keys = np.array([9, 9, 2, 2, 7, 7, 1, 1])
    assert set(number_clusters(hosts, keys).tolist()) == {1}
