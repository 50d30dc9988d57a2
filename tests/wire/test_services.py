"""The table of services: no row contradicts another, and every dialogue keeps the driver's contract."""

from __future__ import annotations

import pytest

from mailcensus.model import TlsMode
from mailcensus.study import Settings
from mailcensus.wire.dialogue import Turn
from mailcensus.wire.services import SERVICE_BY_NAME, SERVICES, Service, port_pair_label
from scripted import begin


def test_names_and_ports_are_unique() -> None:
    assert len({service.name for service in SERVICES}) == len(SERVICES) == len(SERVICE_BY_NAME)
    assert len({service.port for service in SERVICES}) == len(SERVICES)


def test_every_default_service_of_a_study_is_in_the_table() -> None:
    assert set(Settings().collect.services) <= set(SERVICE_BY_NAME)


@pytest.mark.parametrize(
    ("a", "b", "label"),
    [
        ("smtp", "ssh", "22-25"),
        ("ssh", "smtp", "22-25"),
        ("imaps", "imaps", "993-993"),
        ("imaps", "imap", "143-993"),
    ],
)
def test_a_port_pair_is_named_smaller_port_first(a: str, b: str, label: str) -> None:
    assert port_pair_label(a, b) == label


@pytest.mark.parametrize(
    "service", [service for service in SERVICES if service.dialogue], ids=lambda s: s.name
)
def test_every_dialogue_opens_and_waits_for_the_server(service: Service) -> None:
    assert service.dialogue is not None
    implicit = service.tls_mode is TlsMode.IMPLICIT
    dialogue = begin(service.dialogue, starttls=not implicit, secure=implicit)
    dialogue.open()
    assert dialogue.turn is Turn.READ
    assert dialogue.pending == b""
