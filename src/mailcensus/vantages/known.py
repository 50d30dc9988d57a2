"""What the office knows of addresses and a vantage needs: as files of a piece, cut down to its addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailcensus.population import PrefixSet
from mailcensus.probe.server_names import read_server_names
from mailcensus.study import Study

SERVER_NAMES = "server-names.txt"


@dataclass(frozen=True, slots=True)
class Known:
    """Facts by address.

    Attributes:
        server_names: of the study's own list, for follow-ups.
    """

    server_names: Mapping[str, str]

    @classmethod
    def of_study(cls, study: Study) -> Known:
        """What there is.

        Raises:
            StudyError: a file is bad.
        """
        names = study.settings.followups.server_names_file
        return cls({} if names is None else read_server_names(study.path(names)))

    def files(self, everyone: PrefixSet) -> dict[str, str]:
        """The files of a piece that has these addresses, by their path in its directory."""
        named = "".join(f"{ip} {name}\n" for ip, name in self.server_names.items() if everyone.contains(ip))
        return {SERVER_NAMES: named}
