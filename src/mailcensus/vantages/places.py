"""Where office and vantages speak to each other, and how they know each other there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
from pathlib import Path

from mailcensus.study import StudyError


@dataclass(frozen=True, slots=True)
class Tls:
    """Files (PEM) with which office and vantages prove to each other who they are."""

    authority: Path
    certificate: Path
    key: Path

    def check(self) -> None:
        """Look whether the files are there.

        Raises:
            StudyError: one is not.
        """
        for field in fields(self):
            path: Path = getattr(self, field.name)
            if not path.is_file():
                raise StudyError(f"{path}: not found; name the PEM file with --tls-{field.name}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen, or whom to speak to."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, option: str) -> Place:
        """Read "127.0.0.1:8786" or "[::1]:8786".

        Raises:
            StudyError: it is no such thing.
        """
        host, _, port = text.rpartition(":")
        host = host.strip("[]")
        if not host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
            raise StudyError(f"{option} {text}: not a host and a port; write such as 127.0.0.1:8786")
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether nobody on another machine can be there."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def url(self, tls: Tls | None) -> str:
        """As Dask writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tcp' if tls is None else 'tls'}://{host}:{self.port}"


def check_place(place: Place, tls: Tls | None) -> None:
    """Refuse to speak in the clear where others may listen.

    Raises:
        StudyError: it is beyond loopback and there is no TLS.
    """
    if tls is None and not place.is_loopback:
        raise StudyError(
            f"{place.host}: beyond loopback office and vantages speak TLS only; add --tls-authority, "
            "--tls-certificate and --tls-key, or use loopback and a tunnel"
        )
