"""What the office knows of addresses and a vantage needs: as files of a piece, cut down to its addresses."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from mailcensus.dataset.run import CurrentRun
from mailcensus.population import PrefixSet
from mailcensus.population.address import format_address, parse_address
from mailcensus.population.databases import AddressTable
from mailcensus.population.network import first_address, network_of, networks_in
from mailcensus.population.shard import Owners
from mailcensus.population.sources import Databases
from mailcensus.population.systems import needs_systems, system_ranges, systems_as_owners
from mailcensus.probe.collect import exchange_names
from mailcensus.probe.server_names import read_server_names
from mailcensus.study import Study

SERVER_NAMES, SYSTEMS = "server-names.txt", "systems.csv"
_EXCHANGES = "exchange-names.json"


class Known:
    """Names that addresses are asked under, and the systems of their networks."""

    def __init__(self, study: Study, run: CurrentRun) -> None:
        """Read what there is; the domains of the study are resolved already.

        Raises:
            StudyError: a file is bad.
        """
        listed = study.settings.followups.server_names_file
        self._listed = _Names({} if listed is None else read_server_names(study.path(listed)))
        self._exchanges = _Names(exchange_names(study, run))
        self._systems = Databases(study).autonomous_systems().table if needs_systems(study) else None
        self._limits_systems = study.settings.politeness.as_connections_per_s is not None

    @property
    def owners(self) -> Owners | None:
        """Whose networks are to be in one piece: the systems, where each has a limit; None: nobody's."""
        if not self._limits_systems or self._systems is None:
            return None
        return systems_as_owners(self._systems)

    def files(self, everyone: PrefixSet) -> dict[str, str]:
        """The files of a piece that has these addresses, by their path in its directory."""
        listed = "".join(f"{ip} {name}\n" for ip, name in self._listed.of(everyone))
        files = {SERVER_NAMES: listed, _EXCHANGES: json.dumps(dict(self._exchanges.of(everyone)))}
        if self._systems is not None and (lines := [*_system_lines(self._systems, everyone)]):
            files[SYSTEMS] = "start_ip,end_ip,asn\n" + "".join(lines)
        return files


def read_exchanges(directory: Path) -> Mapping[str, str]:
    """By address, the name of the mail exchange that it is, in a piece's directory."""
    names: dict[str, str] = json.loads((directory / _EXCHANGES).read_bytes())
    return names


class _Names:
    """Names by address, to be found by network: there may be millions of them, and of pieces some hundred."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._by_network: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for ip, name in names.items():
            self._by_network[network_of(*parse_address(ip))].append((ip, name))

    def of(self, everyone: PrefixSet) -> Iterator[tuple[str, str]]:
        if self._by_network:
            for network in networks_in(everyone).tolist():
                for ip, name in self._by_network.get(network, ()):
                    if everyone.contains(ip):
                        yield ip, name


def _system_lines(table: AddressTable, everyone: PrefixSet) -> Iterator[str]:
    for first, last, asn in system_ranges(table, everyone):
        version, start = first_address(first)
        _, end = first_address(last)
        yield f"{format_address(version, start)},{format_address(version, end)},{asn}\n"
