"""Names under which an address may be asked again: its PTR record, and a list that the user has (MX names)."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from mailcensus.population.address import parse_address
from mailcensus.probe.resolver import Resolver
from mailcensus.study import StudyError

_LOOKUP_S = 10.0


async def ptr_name(ip: str, resolver: Resolver | None) -> str | None:
    """The name of an address, of several the first by alphabet; None where none comes in time.

    Args:
        resolver: whom to ask; None: whatever this system does, /etc/hosts included.
    """
    if resolver is not None:
        return next(iter((await resolver.reverse_names(ip)).values), None)
    loop = asyncio.get_running_loop()
    try:
        name, _ = await asyncio.wait_for(loop.getnameinfo((ip, 0), socket.NI_NAMEREQD), _LOOKUP_S)
    except (OSError, TimeoutError):
        return None
    return name.rstrip(".").lower()


def read_server_names(path: Path) -> dict[str, str]:
    """Names by address, from lines of address and name; # begins a comment. The first name of an address counts.

    Raises:
        StudyError: the file cannot be read, or a line is not an address and a name.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from None
    names: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            address, name = words
            parse_address(address)
        except ValueError:
            raise StudyError(f"{path}: line {number}: not an address and a name: {line.strip()!r}") from None
        names.setdefault(address, name.rstrip(".").lower())
    return names
