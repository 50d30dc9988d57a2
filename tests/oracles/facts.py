"""What a server showed, in one vocabulary for the observer and for every oracle.

A fact that an oracle has no way to tell is absent from its mapping; `None` says that it looked and there was none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Fact = str | int | bool | None | tuple[str, ...]
Facts = Mapping[str, Fact]

LISTED = (
    # name, whether it is shown in full (the others only count)
    ("version", True),
    ("suite", True),
    ("group", True),
    ("dh_bits", True),
    ("signature", True),
    ("chain", False),
    ("key", False),
    ("alpn", True),
    ("ocsp", True),
    ("client_certificate", True),
    ("extended_master_secret", True),
    ("secure_renegotiation", True),
    ("session_ticket", True),
    ("unfinished", True),
    ("greeting", False),
    ("starttls", True),
    ("features_before", False),
    ("capabilities_before", False),
    ("auth_before", True),
    ("features_after", False),
    ("capabilities_after", False),
    ("auth_after", True),
    ("identification", True),
    ("kex", True),
    ("host_key", False),
    ("host_key_algorithm", True),
    ("host_key_bits", True),
    ("kex_algorithms", False),
    ("host_key_algorithms", False),
    ("ciphers", False),
    ("macs", False),
)


_OF_ONE_CONNECTION = re.compile(r"<\d+\.\d+@[^>]*>|SESSIONID=<[^>]*>|\b\d\d:\d\d:\d\d\b")
"""What servers say to each connection otherwise: POP3's timestamp (APOP), Cyrus's name of the session, the time."""


class NoAnswer(Exception):
    """A client did not get through; the text says what it said."""


def differences(observed: Facts, oracle: Facts) -> list[str]:
    """Facts of an oracle that the observer does not share, one line each."""
    return [
        f"{name}: observer {observed.get(name)!r}, oracle {value!r}"
        for name, value in oracle.items()
        if name not in observed or _lasting(observed[name]) != _lasting(value)
    ]


def _lasting(fact: Fact) -> Fact:
    """A fact without what another connection hears otherwise."""
    if isinstance(fact, str):
        return _OF_ONE_CONNECTION.sub("", fact)
    return tuple(_OF_ONE_CONNECTION.sub("", each) for each in fact) if isinstance(fact, tuple) else fact
