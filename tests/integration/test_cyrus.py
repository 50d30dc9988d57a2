"""Ways to log in that Cyrus was told to offer, beside what a study records of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oracles.observer import observe_service
from oracles.tls_clients import Target
from places import fresh_network
from realservers.credentials import Credentials
from realservers.cyrus import SERVICES, cyrus
from realservers.process import RunningServer, ServerMissing

pytestmark = pytest.mark.integration

CHALLENGES = ("SCRAM-SHA-256", "DIGEST-MD5")
"""Before TLS nothing that sends the password."""
PASSWORDS = ("PLAIN", "LOGIN")
OF_POP3_BEFORE, OF_POP3_AFTER = ("APOP",), ("USER", "APOP")


@pytest.fixture(scope="module")
def server(server_directory: Path) -> Iterator[RunningServer]:
    directory = server_directory / "cyrus"
    directory.mkdir()
    credential = Credentials(directory / "keys").get("p-256")
    try:
        with cyrus(directory / "server", address=f"{fresh_network()}.1", credential=credential) as running:
            yield running
    except ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("service", SERVICES)
def test_ways_to_log_in_are_those_of_the_configuration_in_its_order(
    server: RunningServer, service: str
) -> None:
    facts, _ = observe_service(service, Target(address=server.address, port=server.ports[service]))
    before, after = facts["auth_before"], facts["auth_after"]
    pop3 = service.startswith("pop3")
    # Behind TLS SCRAM can be bound to it, which Cyrus adds by itself.
    assert after == ("SCRAM-SHA-256-PLUS", *CHALLENGES, *PASSWORDS, *(OF_POP3_AFTER if pop3 else ()))
    if service.endswith("s"):
        assert before is None
    else:
        assert before == (*CHALLENGES, *(OF_POP3_BEFORE if pop3 else ()))
