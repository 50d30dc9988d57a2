"""`mailcensus ports`."""

from typing import Any

from mailcensus.wire.services import SERVICES


def test_every_service_is_a_line_and_ports_have_no_digit_groups(mailcensus: Any) -> None:
    ended = mailcensus("ports")
    lines = [line.split() for line in ended.out.splitlines()]
    for service in SERVICES:
        assert any(line[:3] == [service.name, str(service.port), service.tls_mode] for line in lines)
    assert (ended.status, ended.err) == (0, "")


def test_as_json_every_service_is_an_object(mailcensus: Any) -> None:
    rows = mailcensus("ports", "--json").json
    assert {row["service"]: row["port"] for row in rows} == {row.name: row.port for row in SERVICES}
    assert next(row for row in rows if row["service"] == "imaps") == {
        "service": "imaps",
        "port": 993,
        "tls_mode": "implicit",
        "protocol": "imap",
        "alpn": None,
        "rfc": "RFC 8314",
    }
