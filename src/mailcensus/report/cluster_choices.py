"""What a reader can choose on a cluster's page: a service, an AS or a cause to see alone; and the cloud of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailcensus.report.cluster import Cluster, Word
from mailcensus.report.cluster_groups import LISTED_MAX, Grouping
from mailcensus.report.graph_data import readings_of, service_label

SIZES = 5
"""Sizes of words in a cloud."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter of the drawing."""

    name: str
    title: str
    every: str
    """What not to filter is called."""
    options: Sequence[tuple[str, str]]
    """Value and label."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """One word of the cloud of names."""

    word: str
    hosts: int
    size: int
    """1 to SIZES."""
    seen_in: str


def choices_of(cluster: Cluster, systems: Grouping) -> list[Choice]:
    """Filters with something to choose between: by service, by AS and by the reading of keys."""
    services = sorted({service for key in cluster.keys for service in key.services})
    groups = [
        (str(i), f"{group.label} ({group.hosts:,})") for i, group in enumerate(systems.groups[:LISTED_MAX])
    ]
    unknown = [("-1", f"not known ({systems.unknown:,})")] if systems.unknown else []
    readings = [(str(i), reading.title) for i, reading in enumerate(readings_of(cluster).values())]
    choices = (
        Choice("service", "Port", "all ports", [(name, service_label(name)) for name in services]),
        Choice("as", "AS", "every AS", groups + unknown if groups else []),
        Choice("reading", "Cause", "every cause", readings),
    )
    return [choice for choice in choices if len(choice.options) > 1]


def cloud_of(words: Sequence[Word]) -> list[Cloud]:
    """Words by alphabet, larger the more hosts have them."""
    most = max((word.hosts for word in words), default=1)
    return [
        Cloud(word.word, word.hosts, 1 + round((SIZES - 1) * word.hosts / most), _seen_in(word))
        for word in sorted(words, key=lambda word: word.word)
    ]


def _seen_in(word: Word) -> str:
    places = {
        "greetings": word.greetings,
        "certificates": word.certificates,
        "reverse names": word.reverse_names,
    }
    return ", ".join(f"{place} of {hosts:,}" for place, hosts in places.items() if hosts)
