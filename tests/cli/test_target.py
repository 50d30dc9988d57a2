"""HOST[:PORT]."""

import pytest

from mailcensus.cli.target import choose_service, find_target, split_target
from mailcensus.study import StudyError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("mx.example", "mx.example", None),
        ("mx.example:2525", "mx.example", 2525),
        ("192.0.2.1:25", "192.0.2.1", 25),
        ("2001:db8::1", "2001:db8::1", None),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("[2001:db8::1]:993", "2001:db8::1", 993),
    ],
)
def test_a_target_is_a_host_with_or_without_a_port(text: str, host: str, port: int | None) -> None:
    assert split_target(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    ["", ":25", "mx:", "mx:0", "mx:65536", "mx:x", "mx:²", "[::1", "[::1]25", "[::1]:", "[mx]:25", "[]:1"],
)
def test_anything_else_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(StudyError, match="write HOST or HOST:PORT"):
        split_target(text)


def test_the_service_is_the_one_named_else_the_one_at_home_on_the_port_else_smtp() -> None:
    assert choose_service("imaps", 25).name == "imaps"
    assert choose_service(None, 22).name == "ssh"
    assert choose_service(None, 993).name == "imaps"
    assert choose_service(None, 20_025).name == "smtp"
    assert choose_service(None, None).name == "smtp"
    with pytest.raises(StudyError, match="--protocol nope: no such service; `mailcensus ports` lists them"):
        choose_service("nope", None)


def test_a_name_is_looked_up_and_kept_for_sni_and_an_address_is_not() -> None:
    named = find_target("localhost:993", None)
    assert named.ip in ("127.0.0.1", "::1")
    assert (named.server_name, named.port, named.service.name) == ("localhost", 993, "imaps")
    plain = find_target("127.0.0.1", "ssh")
    assert (plain.ip, plain.server_name, plain.port) == ("127.0.0.1", None, 22)


@pytest.mark.parametrize("name", ["no such name", "fe80::1%nope0", "x" * 300])
def test_a_name_without_an_address_is_one_line(name: str) -> None:
    with pytest.raises(StudyError, match="no address found"):
        find_target(name, None)
