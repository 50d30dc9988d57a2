"""Who runs an exchange: what decides, and what does not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.facts.providers.domain import read_domain
from mailcensus.facts.providers.exchange import ExchangeReading, read_exchange
from mailcensus.facts.providers.holders import Holders, are_similar, resembles
from mailcensus.facts.providers.seen import DomainSeen, Exchange, Server
from mailcensus.facts.providers.table import provider_table
from mailcensus.model import EvidenceKind, Party, Role

TABLE = provider_table()


def reading(
    exchange: Exchange,
    domain: str = "albanyga.gov",
    groups: Mapping[str, str] | None = None,
    others: tuple[DomainSeen, ...] = (),
) -> ExchangeReading:
    seen = DomainSeen(domain, domain, groups=groups or {}, exchanges=(exchange,))
    return read_exchange(exchange, seen, Holders.of((seen, *others), TABLE.policy), TABLE)


def host(name: str, **server: tuple[object, ...] | str) -> Exchange:
    return Exchange(name, 10, servers=(Server(**server),))  # type: ignore[arg-type]


OWN = "mail.albanyga.gov"
CASES = [
    # the exchange                                                              party, operator, decided by
    (host("albanyga-gov.mail.protection.outlook.com"), "third", "microsoft", "exchange_name"),
    (host("aspmx.l.google.com"), "third", "google", "exchange_name"),
    (host("inbound-smtp.us-east-1.amazonaws.com"), "third", "amazon-workmail", "exchange_name"),
    (host("ec2-1-2-3-4.compute.amazonaws.com"), "unknown", "ec2-1-2-3-4.compute.amazonaws.com", None),
    (host(OWN), "first", "albanyga.gov", "registered_domain"),
    (host(OWN, reverse_names=("mx.albanyga.gov",)), "first", "albanyga.gov", "ptr"),
    (host(OWN, reverse_names=("mail.ci.albany.ga.us",)), "first", "albanyga.gov", "ptr"),
    (
        host(OWN, reverse_names=("1-2-3-4.static.comcastbusiness.net",)),
        "first",
        "albanyga.gov",
        "registered_domain",
    ),
    (host(OWN, reverse_names=("c-1.hsd.comcast.net",)), "first", "albanyga.gov", "registered_domain"),
    (host(OWN, reverse_names=("box22.bluehost.com",)), "third", "newfold", "ptr"),
    (host(OWN, reverse_names=("vps7.inmotionhosting.com",)), "first", "albanyga.gov", "registered_domain"),
    (host(OWN, reverse_names=("web5.some-hoster.example",)), "third", "some-hoster.example", "ptr"),
    (host(OWN, reverse_names=("d1.ess.barracudanetworks.com",)), "third", "barracuda", "ptr"),
    (host(OWN, asns=(26211,)), "third", "proofpoint", "as"),
    (host(OWN, asns=(8075,)), "first", "albanyga.gov", "registered_domain"),  # a cloud says nothing
    (
        host(OWN, asns=(46606,)),
        "third",
        "newfold",
        "as",
    ),  # a web hoster's machine without a name of the town's
    (host(OWN, asns=(46606,), reverse_names=("mx.albanyga.gov",)), "first", "albanyga.gov", "ptr"),
    (host(OWN, certificate_names=("mail.protection.outlook.com",)), "third", "microsoft", "certificate"),
    (host(OWN, certificate_names=("mail.albanyga.gov",)), "first", "albanyga.gov", "certificate"),
    (host(OWN, certificate_names=("mx.msp.example",)), "third", "msp.example", "certificate"),
    (host(OWN, says=("mx.msp.example",)), "first", "albanyga.gov", "registered_domain"),  # its word alone
    (
        host(OWN, says=("mx.msp.example",), reverse_names=("mx.msp.example",)),
        "third",
        "msp.example",
        "banner",
    ),
    (host(OWN, says=("mx1.iphmx.com",)), "third", "cisco", "banner"),
    (host("mx.relay.example", certificate_names=("mx.iphmx.com",)), "third", "cisco", "certificate"),
    (host("mail.cityofalbany.net"), "first", "cityofalbany.net", "similar_name"),
    (host("mx.msp.example"), "unknown", "msp.example", None),
    (Exchange("192.0.2.1", 10, is_host=False), "unknown", None, None),
    (Exchange("localhost", 10), "unknown", None, None),
    (host("noemail.invalid"), "unknown", None, None),
    (host("ms1.msv1.invalid"), "third", "microsoft", "exchange_name"),
    (Exchange(OWN, 10, target="albany.mail.protection.outlook.com"), "third", "microsoft", "exchange_name"),
    (Exchange(OWN, 10, target="mx.msp.example"), "unknown", "msp.example", None),
]


@pytest.mark.parametrize(("exchange", "party", "operator", "decided_by"), CASES)
def test_an_exchange_is_read_so(
    exchange: Exchange, party: str, operator: str | None, decided_by: str | None
) -> None:
    read = reading(exchange)
    assert (read.party, read.operator, read.decided_by) == (party, operator, decided_by)
    assert (read.unknown_reason is not None) == (read.party is Party.UNKNOWN)


def test_a_registered_domain_that_serves_several_holders_is_somebodys_service() -> None:
    others = tuple(
        DomainSeen(name, name, groups={"Organization name": name}, exchanges=(Exchange("mx.msp.example"),))
        for name in ("one.gov", "two.gov")
    )
    read = reading(host("mx.msp.example"), groups={"Organization name": "City of Albany"}, others=others)
    assert (read.party, read.role, read.decided_by) == (Party.THIRD, Role.HOSTING, EvidenceKind.SHARED)
    assert reading(host("mx.msp.example"), others=others[:1]).party is Party.UNKNOWN
    public = tuple(DomainSeen(one.domain, one.domain, exchanges=(Exchange("mx.nd.gov"),)) for one in others)
    assert reading(host("mx.nd.gov"), others=public).role is Role.SHARED_SERVICE


def test_the_list_tells_who_holds_both_domains() -> None:
    def served_by(holder: str, groups: Mapping[str, str]) -> ExchangeReading:
        other = DomainSeen("cabq.gov", "cabq.gov", groups={"Organization name": holder})
        return reading(host("mx.cabq.gov"), "albuquerque-nm.gov", groups, (other,))

    city = {"Organization name": "City  of Albuquerque New Mexico"}
    assert served_by("City of Albuquerque", city).party is Party.FIRST
    assert served_by("County of Bernalillo", city).party is Party.THIRD
    assert served_by("(blank)", city).party is Party.UNKNOWN
    assert served_by("City of Albuquerque", {}).decided_by is None


def test_offices_of_one_state_have_one_holder() -> None:
    state = {"Domain type": "State or territory", "State": "WI", "Organization name": "DOT"}
    other = DomainSeen("wi.gov", "wi.gov", groups={**state, "Organization name": "State of Wisconsin"})
    assert reading(host("smtp.wi.gov"), "wisconsindot.gov", state, (other,)).party is Party.FIRST
    town = {**state, "Domain type": "City"}
    assert reading(host("smtp.wi.gov"), "villageofmukwonago.gov", town, (other,)).party is Party.THIRD
    assert reading(host("mx.state.wi.us"), "dot.gov", state).decided_by is EvidenceKind.HOLDER


def test_a_provider_is_the_first_party_of_its_own_domains() -> None:
    assert reading(host("aspmx.l.google.com"), "google.com").party is Party.FIRST


def test_evidence_that_does_not_agree_is_said_so() -> None:
    read = reading(host("x.mx1.rcimx.com", reverse_names=("smtp.email-protect.gosecure.net",)))
    assert (read.operator, read.disputed) == ("rcimx", True)
    assert not reading(host(OWN, reverse_names=("mx.albanyga.gov",))).disputed


@pytest.mark.parametrize(
    ("one", "other", "similar"),
    [
        ("cityofalbany.net", "albanyga.gov", True),
        ("jasper.in.us", "jaspercountyin.gov", True),
        ("franklinma.gov", "franklintn.gov", False),
        ("albany.net", "altoona.gov", False),
        ("co.us", "cogov.gov", False),
    ],
)
def test_names_are_similar_but_for_fillers(one: str, other: str, similar: bool) -> None:
    assert are_similar(one, other, TABLE.policy) == are_similar(other, one, TABLE.policy) == similar


def test_a_machine_may_have_the_holders_other_name() -> None:
    assert resembles("smtp.chehalistribe.net", "chehalis-nsn.gov", TABLE.policy)
    assert not resembles("web5.shumakergroup.com", "alamotownshipmi.gov", TABLE.policy)


NAMES = st.text("abz09.-_*é\u202e\x00", max_size=40) | st.sampled_from([OWN, "mx.iphmx.com", "a.b", "gov"])
SERVERS = st.builds(
    Server,
    st.lists(NAMES, max_size=3).map(tuple),
    st.lists(st.integers(0, 2**32 - 1), max_size=2).map(tuple),
    st.none() | NAMES,
    st.lists(NAMES, max_size=12).map(tuple),
    st.lists(NAMES, max_size=2).map(tuple),
)
EXCHANGES = st.builds(
    Exchange,
    NAMES,
    st.none() | st.integers(0, 65535),
    st.booleans(),
    st.none() | NAMES,
    st.lists(SERVERS, max_size=2).map(tuple),
)


@given(
    st.lists(EXCHANGES, max_size=3), NAMES, st.lists(NAMES, max_size=3), st.sampled_from(["mx", "servfail"])
)
def test_whatever_was_seen_there_is_a_reading(
    exchanges: list[Exchange], domain: str, spf: list[str], mail: str
) -> None:
    seen = DomainSeen(domain, domain or None, mail, {"Agency": domain}, tuple(spf), tuple(exchanges))
    read = read_domain(seen, Holders.of([seen], TABLE.policy), TABLE, "run")
    assert len(read.exchanges) == len(exchanges)
    assert (read.domain.party is Party.UNKNOWN) == (read.domain.unknown_reason is not None)
    assert all((one.party is Party.UNKNOWN) == (one.unknown_reason is not None) for one in read.exchanges)
