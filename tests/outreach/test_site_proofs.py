"""Opting out more than one's own address: only with proof, and without telling anybody anything."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from mailcensus.outreach.site import store as store_module
from mailcensus.outreach.site.store import Action, sha256
from name_server import name_server
from outreach.mailbox import mailbox
from outreach.site_world import World, world

INSIDE, OUTSIDE = "198.51.100.7", "203.0.113.9"
_TXT = re.compile(r'(_mailcensus-opt-out\.[a-z0-9.-]+)\. IN TXT "([^"]+)"')


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "own.txt").write_text("")
    return tmp_path


@pytest.fixture
def site(directory: Path) -> Iterator[World]:
    with world(directory) as made:
        yield made


def records(page: str) -> dict[str, str]:
    """The TXT records that a page asks for."""
    return dict(_TXT.findall(page))


# ---- from an address in the range


def test_a_range_is_left_out_once_its_link_was_used_from_within(site: World) -> None:
    outside, inside = site.visitor(OUTSIDE), site.visitor(INSIDE)
    page = outside.ask("198.51.100.99/24")
    assert "Not proved yet" in outside.send(page, {"way": "address"}).text
    assert site.entries() == []
    assert "You come from <code>198.51.100.7</code>, which is in it" in inside.get(page).text
    assert "Done: it is left out" in inside.send(page, {"way": "address"}).text
    assert site.entries() == ["198.51.100.0/24"]


def test_a_link_works_once(site: World) -> None:
    inside = site.visitor(INSIDE)
    page = inside.ask("198.51.100.0/24")
    inside.send(page, {"way": "address"})
    withdrawn = inside.ask("198.51.100.0/24", "withdraw")
    inside.send(withdrawn, {"way": "address"})
    assert site.entries() == []
    inside.send(page, {"way": "address"})
    assert site.entries() == []


def test_an_address_does_not_speak_for_more_than_a_24_or_a_48(site: World) -> None:
    for whom, ip in (("198.51.100.0/23", INSIDE), ("2001:db8::/47", "2001:db8::1"), ("example.org", INSIDE)):
        visitor = site.visitor(ip)
        page = visitor.ask(whom)
        assert "I am here" not in visitor.get(page).text
        assert visitor.send(page, {"way": "address"}).status_code == 409
    assert site.entries() == []


def test_neither_proof_of_the_own_address_nor_another_word_proves_a_range(site: World) -> None:
    visitor = site.visitor(INSIDE)
    page = visitor.ask("198.51.100.0/24")
    assert visitor.send(page, {"way": "own"}).status_code == 409
    assert visitor.send(page, {"way": "x"}).status_code == 422
    assert site.entries() == []


# ---- by DNS


@pytest.mark.parametrize(
    ("whom", "names", "entry"),
    [
        ("example.org", ["example.org"], "domain:example.org"),
        ("EXAMPLE.org.", ["example.org"], "domain:example.org"),
        ("münchen.example", ["xn--mnchen-3ya.example"], "domain:xn--mnchen-3ya.example"),
        ("192.0.2.0/24", ["2.0.192.in-addr.arpa"], "192.0.2.0/24"),
        ("192.0.2.0/23", ["2.0.192.in-addr.arpa", "3.0.192.in-addr.arpa"], "192.0.2.0/23"),
        ("2001:db8::/32", ["8.b.d.0.1.0.0.2.ip6.arpa"], "2001:db8::/32"),
        ("2001:db8::/31", ["8.b.d.0.1.0.0.2.ip6.arpa", "9.b.d.0.1.0.0.2.ip6.arpa"], "2001:db8::/31"),
    ],
)
def test_a_txt_record_at_every_name_proves_a_domain_or_range(
    directory: Path, whom: str, names: list[str], entry: str
) -> None:
    zone: dict[tuple[str, str], tuple[str, ...]] = {}
    with name_server(zone) as resolver, world(directory, resolvers=[resolver]) as site:
        visitor = site.visitor(OUTSIDE)
        page = visitor.ask(whom)
        wanted = records(visitor.get(page).text)
        assert sorted(wanted) == sorted(f"_mailcensus-opt-out.{name}" for name in names)
        for place, (name, value) in enumerate(wanted.items()):
            assert "Not proved yet" in visitor.send(page, {"way": "dns"}).text, (
                f"{place} of {len(wanted)} are set"
            )
            zone[name, "TXT"] = ('"v=spf1 -all"', f'"{value}"')
        assert "Done" in visitor.send(page, {"way": "dns"}).text
        assert site.entries() == [entry]


def test_the_record_of_one_request_proves_no_other(directory: Path) -> None:
    zone: dict[tuple[str, str], tuple[str, ...]] = {}
    with name_server(zone) as resolver, world(directory, resolvers=[resolver]) as site:
        owner, thief = site.visitor(INSIDE), site.visitor(OUTSIDE)
        page, stolen = owner.ask("example.org"), thief.ask("example.org", "withdraw")
        ((name, value),) = records(owner.get(page).text).items()
        zone[name, "TXT"] = (f'"{value}"',)
        assert "Not proved yet" in thief.send(stolen, {"way": "dns"}).text
        assert value.rpartition("=")[2] not in page


# ---- by mail


def test_a_mail_to_postmaster_and_abuse_proves_a_domain(directory: Path) -> None:
    with mailbox() as box, world(directory, smtp=box.place) as site:
        visitor, owner = site.visitor(OUTSIDE), site.visitor(INSIDE)
        page = visitor.ask("example.org")
        assert "If we know whom to write to" in visitor.send(page, {"way": "mail"}).text
        message = box.next()
        assert message["To"] == "postmaster@example.org, abuse@example.org"
        assert message["From"] == "scan@scanner.example"
        text = message.get_content()
        (link,) = re.findall(r"https://scanner\.example(/confirm/\S+)", text)
        assert page.rpartition("/")[2] not in text, "who reads the mail does not get the request itself"
        assert "example.org" in owner.get(link).text
        assert site.entries() == [], "programs that look at links change nothing"
        assert owner.send(link, {}).status_code == 200
        assert site.entries() == ["domain:example.org"]
        assert site.store.opt_outs()[0].way == "mail"


def test_nobody_gets_two_mails_about_the_same_in_a_day(directory: Path) -> None:
    with mailbox() as box, world(directory, smtp=box.place) as site:
        for ip in (INSIDE, OUTSIDE, OUTSIDE):
            visitor = site.visitor(ip)
            visitor.send(visitor.ask("example.org"), {"way": "mail"})
        box.next()
        visitor.send(visitor.ask("other.example"), {"way": "mail"})
        assert "other.example" in str(box.next()["To"])
        assert box.empty


def test_a_range_is_proved_by_its_abuse_contact(directory: Path) -> None:
    (directory / "contacts.csv").write_text("prefix,contact\n198.51.100.0/22,abuse@net.example\n")
    with mailbox() as box, world(directory, smtp=box.place, contacts="contacts.csv") as site:
        visitor = site.visitor(OUTSIDE)
        visitor.send(visitor.ask("198.51.100.0/24"), {"way": "mail"})
        message = box.next()
        assert message["To"] == "abuse@net.example"
        (link,) = re.findall(r"https://scanner\.example(/confirm/\S+)", message.get_content())
        visitor.send(link, {})
        assert site.entries() == ["198.51.100.0/24"]


def test_a_contact_speaks_for_a_range_only_if_all_of_it_is_its_own(directory: Path) -> None:
    (directory / "contacts.csv").write_text("prefix,contact\n198.51.100.0/25,abuse@net.example\n")
    with mailbox() as box, world(directory, smtp=box.place, contacts="contacts.csv") as site:
        visitor = site.visitor(OUTSIDE)
        visitor.send(visitor.ask("198.51.100.0/24"), {"way": "mail"})
        visitor.send(visitor.ask("example.org"), {"way": "mail"})
        assert "example.org" in str(box.next()["To"])
        assert box.empty


# ---- what nobody learns


def test_known_and_unknown_ranges_get_the_same_answers(directory: Path) -> None:
    (directory / "contacts.csv").write_text("prefix,contact\n198.51.100.0/24,abuse@net.example\n")
    with mailbox() as box, world(directory, smtp=box.place, contacts="contacts.csv") as site:
        inside, asker = site.visitor(INSIDE), site.visitor(OUTSIDE)
        inside.send(inside.ask("198.51.100.0/24"), {"way": "address"})

        def answers(whom: str) -> list[tuple[int, str]]:
            page = asker.ask(whom)
            seen = [asker.get(page), asker.send(page, {"way": "mail"}), asker.send(page, {"way": "address"})]
            return [(answer.status_code, _plain(answer.text, whom)) for answer in seen]

        known, unknown = answers("198.51.100.0/24"), answers("198.18.77.0/24")
        box.next()
        assert known == unknown


def _plain(page: str, whom: str) -> str:
    """A page without what differs by what was asked."""
    zone = ".".join(reversed(whom.partition("/")[0].split(".")[:3]))
    for secret in (r'name="token" value="[^"]+"', r"mailcensus-opt-out=[0-9a-f]+"):
        page = re.sub(secret, "", page)
    return page.replace(whom, "WHOM").replace(zone, "ZONE")


def test_it_takes_as_long_for_known_and_unknown_ranges(site: World) -> None:
    """Medians of many, in turn; a look at the data of 0.3 ms would show."""
    inside, asker = site.visitor(INSIDE), site.visitor(OUTSIDE)
    inside.send(inside.ask("198.51.100.0/24"), {"way": "address"})
    token = asker.token()
    took: dict[str, list[float]] = {"198.51.100.0/24": [], "198.18.77.0/24": []}
    for _ in range(30):
        for whom, times in took.items():
            began = time.perf_counter()
            fields = {"token": token, "whom": whom, "action": "opt_out"}
            assert asker.request("POST", "/requests", data=fields).status_code == 303
            times.append(time.perf_counter() - began)
    known, unknown = (sorted(times)[len(times) // 2] for times in took.values())
    assert 0.5 < known / unknown < 2


def test_links_that_never_were_are_old_or_are_of_others_look_the_same(
    site: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = site.visitor(OUTSIDE)
    page = visitor.ask("198.51.100.0/24")
    monkeypatch.setattr(store_module, "REQUEST_LIVES", timedelta(seconds=-5))
    answers = {visitor.get(link).text for link in (page, "/requests/never", "/confirm/never")}
    assert len({re.sub(r'value="[^"]+"', "", answer) for answer in answers}) == 1
    assert visitor.get(page).status_code == 404


def test_secrets_are_kept_as_hashes(site: World) -> None:
    secret = site.visitor(OUTSIDE).ask("198.51.100.0/24").rpartition("/")[2]
    url = site.study.directory / "outreach" / "site.sqlite"
    with sa.create_engine(f"sqlite:///{url}").connect() as connection:
        rows = [str(row) for name in ("requests", "events") for row in connection.execute(
            sa.text(f"SELECT * FROM mailcensus_opt_out_{name}"))]  # fmt: skip
    assert any(sha256(secret) in row for row in rows)
    assert not any(secret in row or OUTSIDE in row for row in rows)


@pytest.mark.parametrize(
    "whom",
    [
        *("", " ", "0.0.0.0/0", "198.51.0.0/7", "::/0", "2001::/15", "AS64500", "country:IE", "org", "1.2.3"),
        *(
            "1.2.3.4 2026-01-01",
            "a.b\n192.0.2.0/24",
            "<script>",
            "192.0.2.0/33",
            "::ffff:192.0.2.0/120",
            "x" * 400,
        ),
        *(
            "example..org",
            "-a.example",
            "exa mple.org",
            "domain:",
            "domain:domain:example",
            "1.2.3.4.5",
            "٣.example#x",
        ),
    ],
)
def test_what_nobody_can_own_is_refused_without_being_repeated(site: World, whom: str) -> None:
    answer = site.visitor(OUTSIDE).send("/requests", {"whom": whom, "action": "opt_out"})
    assert answer.status_code == 422
    assert "<script>" not in answer.text
    assert len(whom.strip()) < 5 or whom not in answer.text
    assert site.store.events() == []


def test_requests_beyond_what_the_disk_shall_hold_are_refused(
    site: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MOST_REQUESTS", 1)
    visitor = site.visitor(OUTSIDE)
    visitor.ask("example.org")
    assert visitor.send("/requests", {"whom": "example.net", "action": Action.OPT_OUT}).status_code == 503
