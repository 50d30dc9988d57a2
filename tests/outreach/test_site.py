"""The opt-out site: what each visitor sees and can do, and what nobody can."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mailcensus.outreach.site.limits import Limits, Rate
from mailcensus.population import Exclusions
from mailcensus.study import StudyError
from outreach.site_world import BASE, FREELY, World, world

OWN, OTHER = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "own.txt").write_text("")
    with world(tmp_path) as made:
        yield made


def test_the_first_page_says_who_asks_why_what_and_how_to_stop(site: World) -> None:
    page = site.visitor(OWN).get("/").text
    for said in (
        "keys &lt;of&gt; mail",
        "scan@scanner.example",
        "192.0.2.1",
        "To measure which",
        "25",
        "/opt-out",
    ):
        assert said in page
    assert "The first pass has not ended yet" in page


def test_one_click_leaves_the_own_address_out_and_another_takes_it_back(site: World) -> None:
    visitor = site.visitor(OWN)
    assert "It is not left out so far" in visitor.get("/opt-out").text
    assert "is left out from now on" in visitor.send("/opt-out", {"action": "opt_out"}).text
    assert site.entries() == [OWN]
    assert Exclusions([site.file]).contains(OWN)
    assert "It is left out now" in visitor.get("/opt-out").text
    assert "is withdrawn" in visitor.send("/opt-out", {"action": "withdraw"}).text
    assert site.entries() == []
    trail = [(event.what, event.whom, event.way) for event in site.store.events()]
    assert trail == [("opt_out", OWN, "own"), ("withdraw", OWN, "own")]


def test_an_opt_out_sent_twice_is_one_line(site: World) -> None:
    for _ in range(2):
        assert site.visitor(OWN).send("/opt-out", {"action": "opt_out"}).status_code == 200
    assert site.entries() == [OWN]


def test_a_mapped_address_is_the_ipv4_address_in_it(site: World) -> None:
    site.visitor(f"::ffff:{OWN}").send("/opt-out", {"action": "opt_out"})
    assert site.entries() == [OWN]


def test_the_file_says_since_when_and_why(site: World) -> None:
    site.visitor(OWN).send("/opt-out", {"action": "opt_out"})
    (entry,) = [entry for file in [site.file] for entry in _entries(file)]
    assert entry.reason == "opt-out page: from the address itself"
    assert entry.since == site.store.opt_outs()[0].since.date()


def _entries(file: Path):  # type: ignore[no-untyped-def]
    from mailcensus.population.exclusion_list import read_entries

    return read_entries(file)


def test_a_withdrawal_leaves_what_a_person_wrote(site: World) -> None:
    with site.file.open("a") as file:
        file.write(f"{OWN}  2026-11-01  by phone\n{OTHER}")  # without an end of line
    visitor = site.visitor(OWN)
    visitor.send("/opt-out", {"action": "opt_out"})
    assert "still left out" in visitor.send("/opt-out", {"action": "withdraw"}).text
    assert site.entries() == [OWN, OTHER]
    site.visitor("192.0.2.99").send("/opt-out", {"action": "opt_out"})
    assert site.entries() == [OWN, OTHER, "192.0.2.99"]


def test_what_only_the_database_knows_is_in_the_file_after_a_start(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("")
    with world(tmp_path) as before:
        before.visitor(OWN).send("/opt-out", {"action": "opt_out"})
    before.file.unlink()
    with world(tmp_path) as after:
        assert after.entries() == [OWN]


# ---- who somebody is


def test_forwarded_addresses_count_from_proxies_of_ours_only(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("")
    with world(tmp_path, proxies=("127.0.0.1", "10.0.0.0/8")) as site:
        proxy = site.visitor("127.0.0.1")
        cases = (
            ({"x-forwarded-for": OWN}, OWN),
            ({"x-forwarded-for": f"{OTHER}, {OWN}"}, OWN),  # the first is the visitor's own invention
            ({"x-forwarded-for": f"{OWN}, 10.1.2.3"}, OWN),
            ({"x-forwarded-for": f"{OTHER}, ::ffff:{OWN}, 10.1.2.3"}, OWN),
            ({}, "127.0.0.1"),
        )
        for headers, seen in cases:
            assert f"<code>{seen}</code>" in proxy.get("/opt-out", **headers).text
        assert f"<code>{OWN}</code>" in site.visitor(OWN).get("/opt-out", **{"x-forwarded-for": OTHER}).text
        assert proxy.get("/", **{"x-forwarded-for": "unknown"}).status_code == 400


# ---- forged requests


def test_a_form_without_its_token_or_with_that_of_another_address_does_nothing(site: World) -> None:
    visitor, foreign = site.visitor(OWN), site.visitor(OTHER).token()
    for token in ("", foreign, "1.ff", f"9{visitor.token()}", "ä.ö"):
        answer = visitor.send("/opt-out", {"action": "opt_out", "token": token})
        assert answer.status_code == 403
    assert site.entries() == []


def test_a_form_on_another_site_does_nothing(site: World) -> None:
    visitor = site.visitor(OWN)
    for header in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        assert visitor.send("/opt-out", {"action": "opt_out"}, headers=header).status_code == 403
        assert visitor.request("PUT", "/api/own/opt-out", headers=header).status_code == 403
    assert site.entries() == []
    fine = {"sec-fetch-site": "same-origin", "origin": BASE}
    assert visitor.send("/opt-out", {"action": "opt_out"}, headers=fine).status_code == 200


def test_a_name_that_was_made_to_lead_here_reads_nothing(site: World) -> None:
    for host in ("evil.example", "", "scanner.example.evil.example", "[::"):
        assert site.visitor(OWN).get("/held", host=host).status_code == 400


def test_looking_at_a_link_changes_nothing(site: World) -> None:
    visitor = site.visitor("198.51.100.200")
    page = visitor.ask("198.51.100.0/24")
    for _ in range(3):
        assert visitor.get(page).status_code == 200
    assert site.entries() == []


# ---- limits


def test_too_many_requests_are_told_when_to_come_back_and_others_are_not_slowed(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("")
    limits = Limits(pages=FREELY, changes=Rate(2, 60), requests=Rate(1, 10), lookups=Rate(1, 30))
    with world(tmp_path, limits=limits) as site:
        visitor = site.visitor("2001:db8::1")
        answers = [visitor.request("PUT", "/api/own/opt-out") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 0 < int(answers[2].headers["retry-after"]) <= 61
        neighbour = site.visitor("2001:db8::2")  # of the same /64: the same machine may be both
        assert neighbour.request("PUT", "/api/own/opt-out").status_code == 429
        assert site.visitor(OWN).request("PUT", "/api/own/opt-out").status_code == 200
        assert [site.visitor(OWN).get("/api/own").status_code for _ in range(2)] == [200, 429]


def test_pages_are_limited_too(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("")
    with world(tmp_path, limits=Limits(pages=Rate(2, 3_600))) as site:
        assert [site.visitor(OWN).get("/").status_code for _ in range(3)] == [200, 200, 429]


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(9):
        yield b"x" * 1_000


def test_long_bodies_are_refused_unread(site: World) -> None:
    visitor = site.visitor(OWN)
    assert visitor.request("POST", "/opt-out", content=b"x" * 5_000).status_code == 413
    assert visitor.request("POST", "/opt-out", content=_pieces()).status_code == 413
    assert visitor.request("POST", "/opt-out", headers={"content-length": "-1"}).status_code == 413


# ---- what every answer has


@pytest.mark.parametrize(
    "path", ["/", "/opt-out", "/held", "/nowhere", "/requests/x", "/api/about", "/site.css"]
)
def test_every_answer_forbids_scripts_frames_and_keeping(site: World, path: str) -> None:
    answer = site.visitor(OWN).get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" in answer.headers
    assert "set-cookie" not in answer.headers
    assert "<script" not in answer.text
    assert " style=" not in answer.text


def test_security_txt_is_where_it_is_looked_for(site: World) -> None:
    assert "Contact: mailto:scan@scanner.example" in site.visitor(OWN).get("/.well-known/security.txt").text


def test_the_log_names_neither_visitors_nor_links(site: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mailcensus.outreach.site")
    visitor = site.visitor(OWN)
    page = visitor.ask("198.51.100.0/24")
    visitor.get(page)
    visitor.get(f"/{OWN}?{OWN}")
    visitor.request("GET198.51.100.7", "/")
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "GET /requests/{secret} 200" in said
    assert OWN not in said
    assert page.rpartition("/")[2] not in said


# ---- study.toml


@pytest.mark.parametrize(
    ("site", "complaint"),
    [
        ({"database": "mysql://x/y"}, "only PostgreSQL"),
        ({"database": "::"}, "not a URL"),
        ({"smtp": "mail.example:25"}, "site.smtp"),
        ({"opt_outs": "elsewhere.txt"}, 'does not name "elsewhere.txt"'),
    ],
)
def test_a_site_that_cannot_be_says_why(tmp_path: Path, site: dict[str, str], complaint: str) -> None:
    with (
        pytest.raises(StudyError, match=complaint),
        world(tmp_path, url=site.get("database"), **site),
    ):
        pass
