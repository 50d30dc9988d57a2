"""Addresses that were asked and have been excluded since: what is on disk of them stays there, and is shown nowhere."""

from __future__ import annotations

from mailcensus.dataset.damage import check_parts
from mailcensus.dataset.memory import bounded
from mailcensus.dataset.named_hosts import hosts_named_under
from mailcensus.dataset.seen import values_of
from mailcensus.dataset.tables import Dataset
from mailcensus.population import Exclusions, PrefixSet
from mailcensus.population.address import parse_address
from mailcensus.population.exclusion_meanings import joined
from mailcensus.study import Study

_TABLES = ("hits", "grabs", "followups", "hosts", "noise")


def dataset_of(study: Study) -> Dataset:
    """A study's dataset as analyses and reports may see it: without whom its exclusion files name by now, and within
    the machine's memory.

    Raises:
        StudyError: an exclusion file is bad, or lacks a database; a part is damaged.
    """
    check_parts(study.data)
    told = study.settings.facts.default_certificates
    catalogue = study.path(told) if told else None
    if not study.settings.population.exclusions:
        return bounded(Dataset(study.data, default_certificates=catalogue))
    exclusions = Exclusions.of_study(study)
    left_out, networks = _addresses(study, exclusions), _networks(study, exclusions)
    return bounded(Dataset(study.data, left_out, networks, catalogue))


def _addresses(study: Study, exclusions: Exclusions) -> frozenset[str]:
    """Addresses with rows of their own that exclusions name, or that named themselves so."""
    for ip, names in hosts_named_under(study.data, exclusions.domains):
        exclusions.name_seen(*parse_address(ip), names)
    recorded = frozenset[str]().union(*(_values(study, table, "ip") for table in _TABLES))
    return frozenset(ip for ip in recorded if exclusions.contains(ip))


def _networks(study: Study, exclusions: Exclusions) -> frozenset[str]:
    """Networks of the ledger in which exclusions name anybody."""
    everybody = joined(exclusions.by_file.values())
    return frozenset(
        network
        for network in _values(study, "politeness", "network")
        if PrefixSet.of([network]).intersect(everybody).count
    )


def _values(study: Study, table: str, column: str) -> frozenset[str]:
    return frozenset(values_of(study.data / table, column))
