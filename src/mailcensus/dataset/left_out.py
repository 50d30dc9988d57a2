"""Addresses that were asked and have been excluded since: what is on disk of them stays there, and is shown nowhere."""

from __future__ import annotations

from mailcensus.dataset.named_hosts import hosts_named_under
from mailcensus.dataset.tables import Dataset
from mailcensus.population import Exclusions
from mailcensus.population.address import parse_address
from mailcensus.study import Study

_TABLES = ("hits", "grabs", "followups", "hosts", "noise")


def dataset_of(study: Study) -> Dataset:
    """A study's dataset as analyses and reports may see it: without whom its exclusion files name by now.

    Raises:
        StudyError: an exclusion file is bad, or lacks a database.
    """
    return Dataset(study.data, excluded_later(study))


def excluded_later(study: Study) -> frozenset[str]:
    """Addresses with rows in a study's dataset that its exclusion files name by now, or that named themselves so.

    Raises:
        StudyError: an exclusion file is bad, or lacks a database.
    """
    if not study.settings.population.exclusions:
        return frozenset()
    exclusions = Exclusions.of_study(study)
    for ip, names in hosts_named_under(study.data, exclusions.domains):
        exclusions.name_seen(*parse_address(ip), names)
    dataset = Dataset(study.data)
    recorded: set[str] = set()
    for name in _TABLES:
        recorded.update(dataset.table(name).select("ip").distinct().to_pyarrow()["ip"].to_pylist())
    return frozenset(ip for ip in recorded if exclusions.contains(ip))
