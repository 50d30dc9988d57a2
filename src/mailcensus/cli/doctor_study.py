"""The doctor's look at a study: who asks, DNS, databases, exclusions, dataset."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mailcensus.dataset.migrations.upgrade import outdated_parts
from mailcensus.dataset.migrations.version import DATASET_VERSION
from mailcensus.discovery.preflight_line import Line
from mailcensus.model import DnsState, Verdict
from mailcensus.population.databases.mmdb_metadata import MARKER, SEARCHED_BYTES
from mailcensus.population.databases.mmdb_values import DamagedDatabase, ValueReader
from mailcensus.probe.resolver import Resolver, resolvers_of_the_system
from mailcensus.study import Study, StudyError

OLD_DAYS = 90
"""Addresses move between countries, ASes and owners; a quarter later some hundredths of a database are wrong."""
_LOCAL_NAME = "localhost"
"""Every resolver knows it by itself (RFC 6761 section 6.3), so that nobody else is asked."""
_QUERIES_PER_S = 20.0
_REPLY_S = 2.0
_ANSWERS = (DnsState.OK, DnsState.NXDOMAIN, DnsState.NODATA)


async def study_lines(study: Study) -> list[Line]:
    """All of them."""
    return [*_who_asks(study), *await _dns(study), *database_lines(study), dataset_line(study.data)]


def _who_asks(study: Study) -> Iterator[Line]:
    section = study.settings.study
    for name, value, example in (
        ("contact", section.contact, 'contact = "abuse@scanner.example"'),
        ("opt_out", section.opt_out, 'opt_out = "https://scanner.example/opt-out"'),
    ):
        if value:
            yield Line("who asks", name, Verdict.OK, value)
        elif section.allow_special:
            yield Line("who asks", name, Verdict.OK, "none; a lab, as allow_special says")
        else:
            found = "none: public addresses are not asked without it"
            yield Line("who asks", name, Verdict.FAILED, found, f"set study.{example}")


async def _dns(study: Study) -> list[Line]:
    """Whether each resolver answers."""
    settings = study.settings
    told = settings.preflight.resolvers or settings.dns.resolvers or settings.facts.resolvers
    if not told and settings.study.allow_special:
        return [Line("dns", "-", Verdict.OK, "no resolver told; a lab asks none")]
    try:
        resolvers = tuple(told) or tuple(resolvers_of_the_system())
        if not resolvers:
            return [Line("dns", "-", Verdict.WARNING, "the system has no resolver", "set dns.resolvers")]
        return [await _resolver(text) for text in dict.fromkeys(resolvers)]
    except StudyError as error:
        return [Line("dns", "-", Verdict.FAILED, str(error), "set dns.resolvers")]


async def _resolver(text: str) -> Line:
    answer = await Resolver([text], _QUERIES_PER_S, _REPLY_S).addresses(_LOCAL_NAME, 4)
    if answer.state in _ANSWERS:
        return Line("dns", text, Verdict.OK, "answers")
    mend = "is it running, and does it take questions from here? else set dns.resolvers"
    return Line("dns", text, Verdict.WARNING, f"gave no answer ({answer.state})", mend)


def database_lines(study: Study) -> Iterator[Line]:
    """Every file that study.toml names as a database: whether it is there, and how old it is."""
    population, facts = study.settings.population, study.settings.facts
    named = (population.country_database, population.as_database, population.routed, *facts.databases)
    for path in dict.fromkeys(study.path(path) for path in named if path is not None):
        yield _database(path)
    for path in dict.fromkeys(map(study.path, population.exclusions)):
        if path.is_file():
            yield Line("exclusions", str(path), Verdict.OK, "there")
        else:
            mend = "put it there, or take it out of population.exclusions"
            yield Line("exclusions", str(path), Verdict.FAILED, "not found", mend)


def _database(path: Path) -> Line:
    try:
        built = _built_at(path)
    except OSError as error:
        mend = "put it there, or name another in study.toml"
        return Line("database", str(path), Verdict.FAILED, f"{error.strerror or error}", mend)
    days = int((time.time() - built) // 86_400)
    found = f"of {datetime.fromtimestamp(built, UTC):%Y-%m-%d}, {days:,} days old"
    if days > OLD_DAYS:
        return Line("database", str(path), Verdict.WARNING, found, "get a newer one")
    return Line("database", str(path), Verdict.OK, found)


def _built_at(path: Path) -> float:
    """When a database was made: as an MMDB file says, else when the file was written."""
    if path.is_file():
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - SEARCHED_BYTES))
            end = file.read(SEARCHED_BYTES)
        said = _said(end)
        if said is not None:
            return said
    return path.stat().st_mtime


def _said(end: bytes) -> float | None:
    at = end.rfind(MARKER)
    if at < 0:
        return None
    try:
        metadata = ValueReader(end, at + len(MARKER)).at(0)
    except DamagedDatabase:
        return None
    built = metadata.get("build_epoch") if isinstance(metadata, dict) else None
    return float(built) if isinstance(built, int) and 0 < built < 1 << 33 else None


def dataset_line(data: Path) -> Line:
    """Whether what is on disk has the version that is written now."""
    check, subject = "dataset", str(data)
    if not data.is_dir():
        return Line(check, subject, Verdict.OK, "nothing written yet")
    try:
        versions = Counter(one.version for one in outdated_parts(data))
    except StudyError as error:
        return Line(check, subject, Verdict.FAILED, str(error), "see there")
    if not versions:
        return Line(check, subject, Verdict.OK, f"version {DATASET_VERSION}")
    said = ", ".join(f"{count} parts of version {version}" for version, count in sorted(versions.items()))
    found = f"{said}; now it is {DATASET_VERSION}"
    return Line(check, subject, Verdict.WARNING, found, f"run: mailcensus upgrade {data.parent}")
