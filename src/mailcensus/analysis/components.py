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
        hosts: the host of each showing; small numbers that sort as the addresses do.
        keys: the key of each showing; small numbers.
    Returns:
        The number of the cluster that host and key of each showing belong to. 1 is the cluster of most hosts;
        of several of one size, the one with the smallest host comes first.
    """
    if not len(hosts):
        return np.empty(0, np.int64)
    first_key = int(hosts.max()) + 1
    nodes = first_key + int(keys.max()) + 1
    edges = (np.ones(len(hosts), np.bool_), (hosts, keys + first_key))
    _, labels = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)
    members = np.flatnonzero(np.bincount(hosts))
    sizes = np.bincount(labels[members], minlength=nodes)
    smallest = np.full(nodes, nodes)
    # The last assignment stands: members are in order, so backwards it is the smallest host of each component.
    smallest[labels[members[::-1]]] = members[::-1]
    found = np.flatnonzero(sizes)
    numbers = np.zeros(nodes, np.int64)
    numbers[found[np.lexsort((smallest[found], -sizes[found]))]] = np.arange(1, len(found) + 1)
    return np.asarray(numbers[labels[hosts]])
