"""Who handles a domain's mail, its exchanges read together."""

from __future__ import annotations

import pytest

from mailcensus.facts.providers.domain import read_domain
from mailcensus.facts.providers.holders import Holders
from mailcensus.facts.providers.name_rule import name_rule
from mailcensus.facts.providers.seen import DomainSeen, Exchange
from mailcensus.facts.providers.table import provider_table
from mailcensus.model import DomainProvider, Party, Role

TABLE = provider_table()
BARRACUDA, OUTLOOK = "d1a.ess.barracudanetworks.com", "town-gov.mail.protection.outlook.com"
OWN, STRANGER = "mail.town.gov", "mx.msp.example"


def domain(*exchanges: tuple[int, str], spf: tuple[str, ...] = (), mail: str = "mx") -> DomainProvider:
    made = tuple(Exchange(name, preference) for preference, name in exchanges)
    seen = DomainSeen("town.gov", "town.gov", mail, spf=spf, exchanges=made)
    return read_domain(seen, Holders.of([seen], TABLE.policy), TABLE, "run").domain


@pytest.mark.parametrize(
    ("exchanges", "party", "provider"),
    [
        ([(10, OUTLOOK)], "third", "microsoft"),
        ([(10, OWN), (20, OWN)], "first", "town.gov"),
        ([(20, OWN), (10, OUTLOOK)], "mixed", "microsoft"),
        ([(10, OWN), (20, OUTLOOK)], "mixed", "town.gov"),
        ([(10, STRANGER), (10, OUTLOOK)], "third", "microsoft"),
        ([(10, STRANGER)], "unknown", "msp.example"),
    ],
)
def test_the_exchange_tried_first_is_the_provider(
    exchanges: list[tuple[int, str]], party: str, provider: str
) -> None:
    read = domain(*exchanges)
    assert (read.party, read.provider) == (party, provider)


@pytest.mark.parametrize(
    ("exchanges", "spf", "expected"),
    [
        ([(10, BARRACUDA)], (), ("barracuda", "unknown", None, None)),
        ([(10, BARRACUDA)], ("spf.protection.outlook.com",), ("barracuda", "third", "microsoft", "spf")),
        (
            [(10, BARRACUDA)],
            ("_spf.google.com", "spf.protection.outlook.com"),
            ("barracuda", "unknown", None, None),
        ),
        ([(10, BARRACUDA)], ("sendgrid.net", "secureserver.net"), ("barracuda", "third", "godaddy", "spf")),
        ([(10, BARRACUDA)], ("secureserver.net", "_spf.google.com"), ("barracuda", "third", "google", "spf")),
        (
            [(10, BARRACUDA), (50, OUTLOOK)],
            ("_spf.google.com",),
            ("barracuda", "third", "microsoft", "other_exchange"),
        ),
        ([(10, BARRACUDA), (50, OWN)], (), ("barracuda", "first", "town.gov", "other_exchange")),
        ([(10, OUTLOOK)], ("_spf.google.com",), (None, "third", "microsoft", "exchange_name")),
        ([(10, "mx1.improvmx.com")], (), (None, "unknown", None, None)),
        ([(10, STRANGER)], ("_spf.google.com",), (None, "unknown", None, None)),
    ],
)
def test_mailboxes_are_looked_for_behind_a_filter(
    exchanges: list[tuple[int, str]], spf: tuple[str, ...], expected: tuple[object, ...]
) -> None:
    read = domain(*exchanges, spf=spf)
    found = (read.filtered_by, read.mailbox_party, read.mailbox_provider, read.mailbox_decided_by)
    assert found == expected


def test_a_domain_without_mail_or_answer_is_told_apart() -> None:
    assert [domain(mail=mail).party for mail in ("null_mx", "no_mail", "nxdomain")] == [Party.NO_MAIL] * 3
    unknown = domain(mail="servfail")
    assert (unknown.party, unknown.unknown_reason) == (Party.UNKNOWN, "no exchange is known: servfail")


def test_names_and_seats_are_the_tables() -> None:
    read = domain((10, BARRACUDA), spf=("_spf.google.com",))
    assert (read.provider_name, read.provider_country, read.role) == ("Barracuda", "US", Role.FILTER)
    assert (read.mailbox_name, read.mailbox_country) == ("Google Workspace", "US")
    assert read.rules == TABLE.version


@pytest.mark.parametrize(
    ("exchange", "reverse", "party"),
    [
        (OUTLOOK, (), "third"),
        ("mail.town.GOV.", (), "unknown"),
        ("mail.town.gov.", (), "first"),
        ("mx.paws.town.gov", (), "third"),  # the rule's `aws`
        ("mx.securence.com", (), "unknown"),
        ("mx.msp.example", ("ec2.amazonaws.com",), "third"),
    ],
)
def test_the_studys_own_rule_goes_by_words(exchange: str, reverse: tuple[str, ...], party: str) -> None:
    assert name_rule(exchange, reverse) == party
