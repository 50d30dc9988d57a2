"""Host names in what a server says of itself."""

from __future__ import annotations

import re

_HOST_NAME = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,10}[a-z][a-z0-9-]{0,61}[a-z0-9]", re.IGNORECASE
)
_GREETING_CHARACTERS = 300


def host_names_in(greeting: str | None) -> list[str]:
    """Whatever looks like a host name in the beginning of a greeting, lower case, in order."""
    return [name.lower() for name in _HOST_NAME.findall((greeting or "")[:_GREETING_CHARACTERS])]
