"""What Exim, and GnuTLS in it, writes of a client that leaves behind the first flight."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from mailcensus.model import Outcome
from mailcensus.wire.conversation import Conversation
from mailcensus.wire.exchange import ExchangeSettings
from mailcensus.wire.services import SERVICE_BY_NAME
from mailcensus.wire.tls.shares import KeyPairs
from places import fresh_network
from realservers.credentials import Credentials
from realservers.exim import exim
from realservers.process import RunningServer, ServerMissing

pytestmark = pytest.mark.integration

PATIENCE_S = 60.0


def test_a_grab_that_leaves_behind_the_first_flight_of_tls_1_3_is_understood(server_directory: Path) -> None:
    directory = server_directory / "exim-farewell"
    directory.mkdir()
    credential = Credentials(directory / "keys").get("p-256")
    try:
        with exim(directory / "server", address=f"{fresh_network()}.1", credential=credential) as server:
            _first_flight(server)
            said = _logged(directory / "server" / "mainlog", "Peer has terminated the connection")
    except ServerMissing as missing:
        pytest.skip(str(missing))
    assert "Decryption has failed" not in said


def _first_flight(server: RunningServer) -> None:
    settings = ExchangeSettings(ehlo_name="scanner.example", finish_tls=False)
    conversation = Conversation(SERVICE_BY_NAME["smtps"], settings, KeyPairs())
    with socket.create_connection((server.address, server.ports["smtps"]), PATIENCE_S) as end:
        end.sendall(conversation.start())
        while conversation.outcome is None:
            end.sendall(conversation.receive(end.recv(65_536)))
        end.shutdown(socket.SHUT_WR)
        while end.recv(65_536):
            pass
    tls = conversation.findings().tls
    assert tls is not None
    assert (conversation.outcome, tls.version_name) == (Outcome.OK, "TLSv1.3")


def _logged(log: Path, words: str) -> str:
    """The whole log, once it has these words."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        if log.exists() and words in (text := log.read_text()):
            return text
        time.sleep(0.02)
    raise AssertionError(f"{words!r} is not in {log}")
