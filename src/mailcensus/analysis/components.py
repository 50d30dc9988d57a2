"""Connected components of hosts and the keys they show.

Exact at any size: hosts and keys are the two sides of one graph with an edge wherever a host shows a key. It has
as many edges as there are showings, never one per pair of hosts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Numbers = npt.NDArray[np.int64]


def number_clusters(hosts: Numbers, keys: Numbers) -> Numbers:
    """The cluster of every showing.

    Args:
        hosts: the host of each showing; any numbers that sort as the addresses do.
        keys: the key of each showing; any numbers.
    Returns:
        The number of the cluster that host and key of each showing belong to. 1 is the cluster of most hosts;
        of several of one size, the one with the smallest host comes first.
    """
    if not len(hosts):
        return np.empty(0, np.int64)
    members, host_places = np.unique(hosts, return_inverse=True)
    names, key_places = np.unique(keys, return_inverse=True)
    nodes = len(members) + len(names)
    edges = (np.ones(len(hosts), np.bool_), (host_places, key_places + len(members)))
    _, labels = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)
    # Every component has a host, and members are in order: the first of each label is its smallest host.
    of_members = labels[: len(members)]
    _, first, places, sizes = np.unique(
        of_members, return_index=True, return_inverse=True, return_counts=True
    )
    numbers = np.empty(len(first), np.int64)
    numbers[np.lexsort((first, -sizes))] = np.arange(1, len(first) + 1)
    return np.asarray(numbers[places][host_places])
