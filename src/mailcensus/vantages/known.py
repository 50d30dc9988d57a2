"""What the office knows of addresses and a vantage needs: as files of a piece, cut down to its addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailcensus.population import PrefixSet
from mailcensus.population.address import format_address
from mailcensus.population.databases import AddressTable
from mailcensus.population.network import first_address
from mailcensus.population.shard import Owners
from mailcensus.population.sources import Databases
from mailcensus.population.systems import needs_systems, system_ranges, systems_as_owners
from mailcensus.probe.server_names import read_server_names
from mailcensus.study import Study

SERVER_NAMES, SYSTEMS = "server-names.txt", "systems.csv"


@dataclass(frozen=True, slots=True)
class Known:
    """Facts by address.

    Attributes:
        server_names: of the study's own list, for follow-ups.
        systems: which AS a network is in; None: nobody needs to know.
        limits_systems: whether the study has a limit for each.
    """

    server_names: Mapping[str, str]
    systems: AddressTable | None
    limits_systems: bool

    @classmethod
    def of_study(cls, study: Study) -> Known:
        """What there is.

        Raises:
            StudyError: a file is bad.
        """
        names, has_systems = study.settings.followups.server_names_file, needs_systems(study)
        return cls(
            {} if names is None else read_server_names(study.path(names)),
            Databases(study).autonomous_systems().table if has_systems else None,
            study.settings.politeness.as_connections_per_s is not None,
        )

    @property
    def owners(self) -> Owners | None:
        """Whose networks are to be in one piece; None: nobody's."""
        if not self.limits_systems or self.systems is None:
            return None
        return systems_as_owners(self.systems)

    def files(self, everyone: PrefixSet) -> dict[str, str]:
        """The files of a piece that has these addresses, by their path in its directory."""
        named = "".join(f"{ip} {name}\n" for ip, name in self.server_names.items() if everyone.contains(ip))
        files = {SERVER_NAMES: named}
        if self.systems is not None and (lines := [*_system_lines(self.systems, everyone)]):
            files[SYSTEMS] = "start_ip,end_ip,asn\n" + "".join(lines)
        return files


def _system_lines(table: AddressTable, everyone: PrefixSet) -> Iterator[str]:
    for first, last, asn in system_ranges(table, everyone):
        version, start = first_address(first)
        _, end = first_address(last)
        yield f"{format_address(version, start)},{format_address(version, end)},{asn}\n"
