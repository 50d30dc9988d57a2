"""The target of a lone grab: HOST[:PORT], where HOST is an address or a name."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from mailcensus.population.address import parse_address
from mailcensus.study import StudyError
from mailcensus.wire.services import SERVICE_BY_NAME, SERVICES, Service

_MEND = "write HOST or HOST:PORT, and [ADDRESS]:PORT for IPv6"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask for what."""

    ip: str
    service: Service
    port: int
    server_name: str | None
    """The name it was given by, sent as SNI; None: it was given as an address."""


def find_target(text: str, service_name: str | None) -> Target:
    """The target that a user means; names are looked up, the first address is taken.

    Raises:
        StudyError: no such target, name or service.
    """
    host, port = split_target(text)
    service = choose_service(service_name, port)
    try:
        parse_address(host)
    except ValueError:
        return Target(_look_up(host), service, port or service.port, host)
    return Target(host, service, port or service.port, None)


def split_target(text: str) -> tuple[str, int | None]:
    """Host and port, if there is one.

    Raises:
        StudyError: not HOST, HOST:PORT, an IPv6 address or [ADDRESS]:PORT.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not bracket or ":" not in host or (rest and colon != ":"):
            raise StudyError(f"{text!r}: not a target; {_MEND}")
        return host, _port(text, port) if rest else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    if not host:
        raise StudyError(f"{text!r}: not a target; {_MEND}")
    return host, _port(text, port) if colon else None


def choose_service(name: str | None, port: int | None) -> Service:
    """The service by its name, else the one at home on the port, else SMTP.

    Raises:
        StudyError: there is no service of that name.
    """
    if name is not None:
        if name not in SERVICE_BY_NAME:
            raise StudyError(f"--protocol {name}: no such service; `mailcensus ports` lists them")
        return SERVICE_BY_NAME[name]
    return next((service for service in SERVICES if service.port == port), SERVICE_BY_NAME["smtp"])


def _port(text: str, port: str) -> int:
    if port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536:
        return int(port)
    raise StudyError(f"{text!r}: the port must be 1 to 65535; {_MEND}")


def _look_up(name: str) -> str:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StudyError(f"{name!r}: no address found ({reason}); give an address instead") from None
    return str(found[0][4][0])
