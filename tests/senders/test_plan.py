"""Plans, zones, run sheets."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import dns.zone
import pytest

from mailcensus.senders.conditions import BY_NAME, CONDITIONS, Sts, Tlsa
from mailcensus.senders.house import PostRecipients
from mailcensus.senders.plan import Plan, make_plan, read_plan
from mailcensus.senders.planning import plan_experiment
from mailcensus.senders.run_sheet import read_sheet, sheet_file
from mailcensus.study import Settings, Study, StudyError
from mailcensus.study.sections import SendersSection

pytestmark = pytest.mark.slow  # some fifteen RSA keys

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def section(**changes: object) -> SendersSection:
    told = {"domain": "exp.example", "addresses": ("192.0.2.0/25",), "who": ("one", "two"), **changes}
    return SendersSection(**told)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Plan]:
    """A whole experiment; certificates take a second."""
    study = Study(tmp_path_factory.mktemp("study"), Settings(senders=section()))
    return study, plan_experiment(study, NOW)


def test_every_condition_has_a_name_an_address_and_a_message_of_each_sender(
    planned: tuple[Study, Plan],
) -> None:
    _, plan = planned
    assert len(plan.tokens) == 2 * len(CONDITIONS) == len({token.token for token in plan.tokens})
    addresses = [plan.policy_ip, *(post.ip for post in plan.posts)]
    assert len(set(addresses)) == len(addresses)
    assert {post.condition for post in plan.posts if post.backup} == {c.name for c in CONDITIONS if c.backup}


def test_the_zone_is_one_that_name_servers_read(planned: tuple[Study, Plan]) -> None:
    study, plan = planned
    text = (study.directory / "senders" / "zone.txt").read_text()
    soa = "exp.example. IN SOA ns hostmaster 1 1 1 1 1\nexp.example. IN NS ns.other.example.\n"
    head, _, rest = text.partition("$TTL 300\n")
    zone = dns.zone.from_text(head + "$TTL 300\n" + soa + rest, origin="exp.example.", relativize=False)
    names = {str(name) for name in zone}
    for condition in CONDITIONS:
        post = plan.post_of(condition.name)
        assert f"{post.host_name}." in names
        assert (f"_mta-sts.{plan.domain_of(condition.name)}." in names) is (condition.sts is not None)
        assert (f"_25._tcp.{post.host_name}." in names) is (condition.tlsa is not None)


def test_tlsa_records_match_where_they_shall_and_only_there(planned: tuple[Study, Plan]) -> None:
    study, plan = planned
    text = (study.directory / "senders" / "zone.txt").read_text()
    digests = {
        name: next(
            line.split()[-1]
            for line in text.splitlines()
            if line.startswith(f"_25._tcp.{plan.post_of(name).host_name}.")
        )
        for name in ("dane_match", "dane_no_starttls", "dane_mismatch")
    }
    assert len(set(digests.values())) == 3
    assert BY_NAME["dane_mismatch"].tlsa is Tlsa.MISMATCH


def test_policies_say_their_mode_and_who_is_meant(planned: tuple[Study, Plan]) -> None:
    study, plan = planned
    folder = study.directory / "senders" / "policies"
    assert (folder / "sts_enforce.txt").read_text().splitlines()[1:3] == [
        "mode: enforce",
        f"mx: {plan.post_of('sts_enforce').host_name}",
    ]
    assert "elsewhere.invalid" in (folder / "sts_enforce_wrong_mx.txt").read_text()
    assert BY_NAME["sts_none_self_signed"].sts is Sts.NONE


def test_planning_again_keeps_what_is_under_way(planned: tuple[Study, Plan]) -> None:
    study, plan = planned
    valid = (study.directory / "senders" / "certificates" / "valid.pem").read_bytes()
    sheet = sheet_file(study)
    rows = list(csv.DictReader(sheet.open(newline="")))
    rows[0]["sent_at"] = "2026-11-23 10:00"
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    more = Study(study.directory, Settings(senders=section(who=("one", "two", "three"))))
    again = plan_experiment(more, NOW)
    assert again.tokens[: len(plan.tokens)] == plan.tokens
    assert (again.posts, again.run_id) == (plan.posts, plan.run_id)
    assert len(again.tokens) == len(plan.tokens) + len(CONDITIONS)
    assert (study.directory / "senders" / "certificates" / "valid.pem").read_bytes() == valid
    noted = read_sheet(sheet)[rows[0]["token"]]
    assert noted.sent_at == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert read_plan(more) == again


def test_private_keys_are_for_their_owner_only(planned: tuple[Study, Plan]) -> None:
    study, _ = planned
    for path in (study.directory / "senders" / "certificates").glob("*.pem"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_recipients_are_tokens_of_the_plan_at_the_domain_of_the_receiver(planned: tuple[Study, Plan]) -> None:
    _, plan = planned
    token = next(token for token in plan.tokens if token.condition == "valid")
    at_valid = PostRecipients(plan, plan.post_of("valid"))
    assert at_valid.find(token.token, "valid.exp.example") == (True, token.token)
    assert at_valid.find(token.token, "expired.exp.example") == (False, None)
    assert at_valid.find("mc-abcdefghijkmnpqr", "valid.exp.example") == (False, None)
    mailbox = PostRecipients(plan, plan.post_of("mailbox"))
    assert mailbox.find(token.token, "returns.exp.example") == (True, token.token)
    assert mailbox.find("TLSRPT", "reports.exp.example") == (True, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domain": None}, "senders.domain: not set"),
        ({"domain": "a..b"}, "no domain name"),
        ({"addresses": ("192.0.2.0/29",)}, r"\d\d addresses are needed"),
        ({"addresses": ("somewhere",)}, "senders.addresses"),
        ({"conditions": ("no_such",)}, "no condition 'no_such'"),
    ],
)
def test_wrong_settings_get_one_clear_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        make_plan(section(**changes), None, NOW)


def test_a_run_sheet_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    path = tmp_path / "run-sheet.csv"
    path.write_text("token,sent_at,bounced_at\nmc-a,yesterday,\n")
    with pytest.raises(StudyError, match=r"row 2: sent_at: 'yesterday' is no time"):
        read_sheet(path)
    path.write_text("token,bounced_at\n")
    with pytest.raises(StudyError, match="no column sent_at"):
        read_sheet(path)
    assert read_sheet(tmp_path / "none.csv") == {}
