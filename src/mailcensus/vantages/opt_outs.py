"""The exclusions of a study as files that vantages can read without its databases.

Prefixes and domains stand in them as they stand in the study's files. What only a database knows (systems, countries)
stands as prefixes in a file of its own, cut down to the population.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

from mailcensus.population import Exclusions, PrefixSet
from mailcensus.population.exclusion_list import Kind

LOOKED_UP = "looked-up.txt"
EXCLUSIONS = "exclusions"
"""Directory of these files in a vantage's study."""


class OptOuts:
    """What the exclusions say now.

    Attributes:
        files: by path in a vantage's study, the text of each file.
        version: changes when they do.
    """

    def __init__(self, exclusions: Exclusions, everyone: PrefixSet) -> None:
        """Read them.

        Args:
            exclusions: those of the study; they follow its files by themselves.
            everyone: its population before exclusions.
        """
        self._exclusions = exclusions
        self._everyone = everyone
        self._seen: list[PrefixSet] = []
        self._domains: frozenset[str] = frozenset()
        self.look_again()

    def look_again(self) -> None:
        """Take note of what has changed; cheap where nothing has."""
        self._exclusions.contains_value(4, 0)  # asking makes them look at their files
        now = list(self._exclusions.by_file.values())
        if self._seen and _are_same(now, self._seen) and self._exclusions.domains == self._domains:
            return
        self._seen, self._domains = now, self._exclusions.domains
        self.files = self._written()
        self.version = crc32(repr(sorted(self.files.items())).encode())

    def _written(self) -> Mapping[str, str]:
        lines: dict[str, list[str]] = defaultdict(list)
        named: list[tuple[int, int, int]] = []
        for path in self._exclusions.by_file:
            lines[_name(path.name)] = []
        for account in self._exclusions.accounts():
            entry = account.entry
            if entry.kind in (Kind.PREFIX, Kind.DOMAIN):
                lines[_name(account.file)].append(f"{entry.name} {entry.since} {entry.reason}\n")
            if entry.triple is not None:
                named.append(entry.triple)
        lines[_name(LOOKED_UP)] = [f"{prefix}\n" for prefix, _ in self._looked_up(named).blocks()]
        return {name: "".join(text) for name, text in lines.items()}

    def _looked_up(self, named: list[tuple[int, int, int]]) -> PrefixSet:
        """Of the population, what is excluded and stands nowhere as a prefix."""
        everything = PrefixSet()
        for prefixes in self._seen:
            everything = everything.union(prefixes)
        return everything.intersect(self._everyone).minus(PrefixSet.of_parsed(named))


def _name(file: str) -> str:
    return str(Path(EXCLUSIONS) / file)


def _are_same(one: list[PrefixSet], two: list[PrefixSet]) -> bool:
    return len(one) == len(two) and all(a is b for a, b in zip(one, two, strict=True))
