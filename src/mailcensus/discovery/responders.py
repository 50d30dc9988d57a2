"""Known responders as study.toml names them: canaries, and whom the preflight tries the way out on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailcensus.population.address import format_address, parse_address
from mailcensus.study import Study, StudyError

_SHOWN_CHARACTERS = 60
_BRACKETS = re.compile(r"\[(?P<host>[^\[\]]*:[^\[\]]*)\](:(?P<port>.*))?", re.DOTALL)
_ADDRESS_V6 = re.compile(r"(?P<host>[^:]*:[^:]*:.*)(?P<port>(?!))?", re.DOTALL)
_ADDRESS_V4 = re.compile(r"(?P<host>[^:]*)(:(?P<port>[^:]*))?", re.DOTALL)
_MEND = "write address, address:port, or [address]:port for IPv6"


@dataclass(frozen=True, slots=True, order=True)
class Responder:
    """An address and a port that are known to answer."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


def parse_responder(text: str, default_port: int) -> Responder:
    """A responder as users write it; names are not looked up.

    Raises:
        ValueError: not an address, or no port; the message says how to write it.
    """
    host, port = _split(text.strip())
    try:
        ip = format_address(*parse_address(host))
    except ValueError:
        raise ValueError(f"no address and port; {_MEND}") from None
    if port is None:
        return Responder(ip, default_port)
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536):
        raise ValueError(f"the port must be 1 to 65535; {_MEND}")
    return Responder(ip, int(port))


def canaries_of(study: Study) -> tuple[Responder, ...]:
    """The canaries of a study, each once, in the order of study.toml and then of its file.

    Raises:
        StudyError: one cannot be read, or the file cannot.
    """
    settings, port = study.settings.canaries, study.settings.discovery.ports[0]
    where = f"{study.directory / 'study.toml'}: canaries.hosts"
    found = list(_parsed(((where, text) for text in settings.hosts), port))
    if settings.file is not None:
        found += _parsed(_lines(study.path(settings.file)), port)
    return tuple(dict.fromkeys(found))


def preflight_responders(study: Study) -> tuple[Responder, ...]:
    """Whom the preflight tries; the canaries where the study names nobody else.

    Raises:
        StudyError: as `canaries_of`.
    """
    where = f"{study.directory / 'study.toml'}: preflight.responders"
    told = ((where, text) for text in study.settings.preflight.responders)
    return tuple(dict.fromkeys(_parsed(told, study.settings.discovery.ports[0]))) or canaries_of(study)


def _split(text: str) -> tuple[str, str | None]:
    """Host and port; a host that is none where the text is put together otherwise."""
    match = _BRACKETS.fullmatch(text) or _ADDRESS_V6.fullmatch(text) or _ADDRESS_V4.fullmatch(text)
    return (match["host"], match["port"]) if match else ("", None)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", errors="backslashreplace") as file:
            for number, line in enumerate(file, start=1):
                if text := line.partition("#")[0].strip():
                    yield f"{path}: line {number}", text
    except OSError as error:
        raise StudyError(
            f"{path}: cannot be read: {error.strerror}; mend canaries.file in study.toml"
        ) from None


def _parsed(told: Iterable[tuple[str, str]], port: int) -> Iterator[Responder]:
    for where, text in told:
        try:
            yield parse_responder(text, port)
        except ValueError as error:
            raise StudyError(f"{where}: {text[:_SHOWN_CHARACTERS]!a}: {error}") from None
