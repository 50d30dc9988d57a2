"""Notices about a small study, from the dataset to the files."""

from __future__ import annotations

import csv
import json
import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from analysis.hand_made import Leaf, Server, named
from mailcensus.outreach.contacts import Contact
from mailcensus.outreach.holdings import Holdings
from mailcensus.outreach.notices import Wanted, Written, write_notices
from mailcensus.outreach.notices_groups import By
from mailcensus.study import Study, StudyError
from outreach.noticed import everything_in, study_of

pytestmark = pytest.mark.slow

CLONE, FARM, WEAK, BOTH = (Leaf(key=key) for key in ("clone", "farm", "weak", "both"))
SERVERS = (
    Server(ip="192.0.2.1", asn=64500, as_org="Ruritanian Post", ssh="clone", tls=FARM),
    Server(ip="192.0.2.2", asn=64500, as_org="Ruritanian Post", tls=FARM),
    Server(ip="192.0.2.3", asn=64500, as_org="Ruritanian Post", ssh="both", tls=BOTH),
    Server(ip="198.51.100.1", asn=64501, as_org="=cmd|' /C calc'!A0", ssh="clone", tls=WEAK),
    Server(ip="203.0.113.1", ssh="clone"),
)
NAMES = {"192.0.2.1": "mx1.post.example", "192.0.2.2": "mx2.post.example", "198.51.100.1": "mx.isp.example"}
FINDINGS = {named("weak"): "known_key"}


def written(study: Study, by: By = By.AS, **changed: object) -> tuple[Written, Path]:
    done = write_notices(study, Wanted(by, **changed))
    return done, done.folder


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


@pytest.fixture(scope="module")
def by_as(tmp_path_factory: pytest.TempPathFactory) -> tuple[Written, Path]:
    contacts: Holdings[Contact] = Holdings()
    contacts.by_asn[64500] = Contact("abuse@post.example", "de")
    with study_of(*SERVERS, names=NAMES, findings=FINDINGS) as study:
        done = write_notices(study, Wanted(By.AS, contacts), tmp_path_factory.mktemp("out") / "notices")
        return done, done.folder


def test_each_operator_is_told_of_their_own_hosts_worst_first(by_as: tuple[Written, Path]) -> None:
    _, folder = by_as
    told = [(row["ip"], row["concern"], row["services"]) for row in rows(folder / "as64501" / "hosts.csv")]
    assert told == [
        ("198.51.100.1", "compromised_key", "smtp imap https"),
        ("198.51.100.1", "shared_with_others", "ssh"),
        ("198.51.100.1", "hygiene", ""),
    ]
    told = [(row["ip"], row["concern"]) for row in rows(folder / "as64500" / "hosts.csv")]
    assert told[:3] == [
        ("192.0.2.3", "ssh_and_tls"),
        ("192.0.2.3", "hygiene"),
        ("192.0.2.1", "shared_with_others"),
    ]
    assert ("192.0.2.2", "shared_within") in told


def test_a_host_that_nobody_is_known_to_run_is_counted_and_told_to_nobody(
    by_as: tuple[Written, Path],
) -> None:
    done, folder = by_as
    assert (done.notices, done.without_contact, done.hosts, done.hosts_unplaced) == (2, 1, 4, 1)
    assert all(b"203.0.113.1" not in content for content in everything_in(folder).values())


def test_keys_that_others_show_too_and_their_hosts_have_pseudonyms(by_as: tuple[Written, Path]) -> None:
    _, folder = by_as
    clone = next(row for row in rows(folder / "as64500" / "hosts.csv") if row["services"] == "ssh")
    assert re.fullmatch(r"key-[a-z2-7]{16}", clone["key"])
    assert (clone["others"], clone["operators"]) == ("2", "1")
    farm = next(row for row in rows(folder / "as64500" / "hosts.csv") if row["concern"] == "shared_within")
    assert farm["key"] == named("farm")
    others = rows(folder / "as64500" / "others.csv")
    assert {row["key"] for row in others} == {clone["key"]}
    assert "operator-unknown" in {row["operator"] for row in others}
    assert len({row["host"] for row in others}) == 2


def test_two_operators_cannot_see_that_they_were_told_of_the_same_host(by_as: tuple[Written, Path]) -> None:
    _, folder = by_as
    names = [
        set(
            re.findall(rb"(?:host|key|operator)-[a-z2-7]{16}", b"".join(everything_in(folder / one).values()))
        )
        for one in ("as64500", "as64501")
    ]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]


def test_a_letter_is_in_the_language_of_its_contact(by_as: tuple[Written, Path]) -> None:
    _, folder = by_as
    assert "Guten Tag" in (folder / "as64500" / "letter.txt").read_text()
    assert "Dear operator of AS64501" in (folder / "as64501" / "letter.txt").read_text()


def test_a_mail_has_one_recipient_and_the_files(by_as: tuple[Written, Path]) -> None:
    _, folder = by_as
    mail = message_from_bytes((folder / "as64500" / "letter.eml").read_bytes(), policy=default)
    assert (mail["To"], mail["From"]) == ("abuse@post.example", "census@scanner.example")
    assert [part.get_filename() for part in mail.iter_attachments()] == [
        "hosts.csv",
        "others.csv",
        "notice.json",
    ]
    nobody = message_from_bytes((folder / "as64501" / "letter.eml").read_bytes(), policy=default)
    assert nobody["To"] is None


def test_words_of_a_database_are_no_formula_in_the_index(by_as: tuple[Written, Path]) -> None:
    _, folder = by_as
    index = rows(folder / "notices.csv")
    assert [row["folder"] for row in index] == ["as64501", "as64500"]
    assert index[0]["organisation"].startswith("'=cmd")


def test_the_same_names_stand_for_the_same_things_the_next_time() -> None:
    with study_of(*SERVERS, names=NAMES, findings=FINDINGS) as study:
        one, two = (write_notices(study, Wanted(By.AS), study.directory / "x" / name) for name in ("1", "2"))
        first, second = (everything_in(done.folder / "as64500") for done in (one, two))
        assert first["others.csv"] == second["others.csv"]
        with pytest.raises(StudyError, match="is there already"):
            write_notices(study, Wanted(By.AS), study.directory / "x" / "1")


def test_domains_are_those_of_names_that_point_back() -> None:
    with study_of(*SERVERS, names=NAMES, findings=FINDINGS) as study:
        done, folder = written(study, By.DOMAIN)
        assert {row["folder"] for row in rows(folder / "notices.csv")} == {"post.example", "isp.example"}
        assert done.hosts_unplaced == 2
        one = json.loads((folder / "post.example" / "notice.json").read_text())
        assert [host["ip"] for host in one["hosts"]] == ["192.0.2.1", "192.0.2.2"]
        assert one["hosts"][0]["name"] == "mx1.post.example"


def test_groups_are_those_of_the_users_file() -> None:
    grouping: Holdings[str] = Holdings()
    grouping.put_range(4, 0xC0000200, 0xC00002FF, "../../etc/Ministry of\r\nMail")
    with study_of(*SERVERS, names=NAMES, findings=FINDINGS) as study:
        _, folder = written(study, By.GROUP, grouping=grouping)
        (one,) = [path for path in folder.iterdir() if path.is_dir()]
        assert re.fullmatch(r"etc-ministry-of-mail_[0-9a-f]{8}", one.name)
        mail = message_from_bytes((one / "letter.eml").read_bytes(), policy=default)
        assert "\\x0d\\x0aMail" in mail["Subject"]


def test_where_nobody_looked_for_weak_keys_the_letter_says_so() -> None:
    with study_of(*SERVERS) as study:
        done, folder = written(study)
        assert done.keys_checked == 0
        assert "Nobody looked whether these keys are weak" in (folder / "as64500" / "letter.txt").read_text()
