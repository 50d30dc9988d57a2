"""The population of a study: its sources, less what is special, unrouted, another's shard, or excluded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from mailcensus.population.exclusions import Exclusions
from mailcensus.population.order import AskingOrder
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.sample import Sample
from mailcensus.population.shard import Shard
from mailcensus.population.sources import Databases, Part, read_sources
from mailcensus.population.special import SPECIAL_PREFIXES
from mailcensus.study import Study, StudyError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Population:
    """Whom a study may ask, and how that came about."""

    prefixes: PrefixSet
    """Who may be asked: the union of the sources without `left_out`. Of these a sample is asked, or all."""
    sources: tuple[Part, ...]
    """Where the addresses come from. An address may be in several."""
    left_out: tuple[Part, ...]
    """What is not asked, by reason. An address counts for the first reason that applies."""
    everyone: PrefixSet
    """The same before exclusions: the addresses that have positions in the order."""
    order: AskingOrder
    """The order of asking, and the positions in it. It ends early where a sample is asked."""

    def __len__(self) -> int:
        """How many addresses are asked: of a sample those in it."""
        return self.order.count

    def targets(self, start: int = 0) -> Iterator[tuple[int, str]]:
        """Positions from `start` on, ascending, with the addresses to ask there; excluded ones are passed over."""
        for positions, addresses in self.order.chunks(start):
            yield from zip(positions, addresses, strict=True)

    def addresses(self, start: int = 0) -> Iterator[str]:
        """The addresses to ask in the order of asking, from a position on."""
        return (address for _, address in self.targets(start))


def load_population(study: Study, databases: Databases | None = None) -> Population:
    """The population that study.toml describes.

    Args:
        study: the study.
        databases: its databases, where the caller wants them too.

    Raises:
        StudyError: a source or an exclusion file is bad, there is no source, or there are public addresses but
            nobody they could turn to.
    """
    settings = study.settings.population
    shard = _parsed(study, "shard", settings.shard, Shard.parse)
    sample = _parsed(study, "sample", settings.sample, Sample.parse)
    databases = databases or Databases(study)
    sources = read_sources(study, databases)
    rest = _Rest(sources.union(), [Part("IPv6 prefixes too wide to sweep", sources.too_wide())])
    if not study.settings.study.allow_special:
        rest.leave_out("special-purpose addresses (RFC 6890)", SPECIAL_PREFIXES)
    if settings.routed is not None:
        rest.keep(f"not announced by {settings.routed.name}", _announced(databases, rest.prefixes))
    if shard is not None:
        rest.keep(f"in other shards than {shard}", shard.of(rest.prefixes))
    everyone = rest.prefixes
    for path, prefixes in Exclusions.of_study(study).by_file.items():
        rest.leave_out(f"exclusions {path.name}", prefixes)
    _check_contact(study, rest.prefixes)
    positions = None if sample is None else sample.positions(everyone.count)
    order = AskingOrder(everyone, rest.prefixes, settings.seed, positions)
    return Population(
        rest.prefixes, sources.parts, tuple(part for part in rest.left_out if part.count), everyone, order
    )


@dataclass(slots=True)
class _Rest:
    """Addresses that nothing has left out yet, and those that something has."""

    prefixes: PrefixSet
    left_out: list[Part]

    def leave_out(self, reason: str, out: PrefixSet) -> None:
        self.left_out.append(Part(reason, self.prefixes.intersect(out)))
        self.prefixes = self.prefixes.minus(out)

    def keep(self, reason: str, kept: PrefixSet) -> None:
        self.left_out.append(Part(reason, self.prefixes.minus(kept)))
        self.prefixes = self.prefixes.intersect(kept)


def _announced(databases: Databases, population: PrefixSet) -> PrefixSet:
    """What is announced. A list of one IP version says nothing about the other, which is all kept."""
    announced = databases.autonomous_systems("routed").table.routed()
    return PrefixSet(
        announced.ipv4 if announced.ipv4.count else population.ipv4,
        announced.ipv6 if announced.ipv6.count else population.ipv6,
    )


def _parsed(study: Study, setting: str, value: int | str | None, parse: Callable[[str], T]) -> T | None:
    if value is None:
        return None
    try:
        return parse(str(value))
    except ValueError as error:
        raise StudyError(f"{study.directory / 'study.toml'}: population.{setting}: {error}") from None


def _check_contact(study: Study, allowed: PrefixSet) -> None:
    """Public addresses are asked only by somebody they can turn to."""
    settings = study.settings.study
    public = allowed.minus(SPECIAL_PREFIXES)
    wanted = (("study.contact", settings.contact), ("study.opt_out", settings.opt_out))
    missing = [name for name, value in wanted if value is None or not value.strip()]
    if public.count and missing:
        raise StudyError(
            f"{study.directory / 'study.toml'}: {' and '.join(missing)} not set, and the population has "
            f"{public.count:,} public addresses; set study.contact and study.opt_out to say where those asked "
            "can reach you and how they opt out"
        )
