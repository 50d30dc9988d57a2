"""No notice names anybody but its recipient: every byte of every file is searched, in random populations."""

from __future__ import annotations

import base64
import email
import email.policy
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.analysis.hygiene import FLAWS
from mailcensus.facts.key_flaws import MEANINGS
from mailcensus.outreach.contacts import Contact
from mailcensus.outreach.holdings import HostFacts
from mailcensus.outreach.letter import LetterWriter, Sender
from mailcensus.outreach.notices_files import Notice, write_notice
from mailcensus.outreach.notices_findings import Concern, Findings, KeyFacts
from mailcensus.outreach.notices_groups import By, Group
from mailcensus.outreach.notices_told import PEERS_MAX, Teller, Told
from outreach.noticed import everything_in

SECRET = bytes(range(32))
SENDER = Sender("Keys of Ruritania", "census@scanner.invalid", "https://scanner.invalid/stop", "2026-11-22")
WRITER = LetterWriter(SENDER)
SERVICES = ("ssh", "smtp", "imap", "https")
PORTS = {"ssh": 22, "smtp": 25, "imap": 143, "https": 443}


def population(seed: int) -> tuple[Findings, list[Group]]:
    """Hosts of a few operators and of nobody, with keys here and there, some of them bad."""
    rng = random.Random(seed)
    fresh = _no_address_twice(rng)
    systems = rng.sample(range(4_200_000_000, 4_200_900_000), rng.randint(1, 5))
    facts: list[HostFacts] = []
    groups: list[Group] = []
    for asn in systems:
        domain = f"{rng.getrandbits(40):010x}.example"
        hosts = tuple(
            HostFacts(next(fresh), asn, f"Organisation {asn} Ltd", f"mx{place}.{domain}", domain)
            for place in range(rng.randint(1, 5))
        )
        facts += hosts
        groups.append(Group(By.AS, str(asn), hosts, Contact(f"abuse@{domain}")))
    # Two operators whose hosts bear one name: whose it is cannot be told.
    addresses = [host.ip for host in facts] + [next(fresh) for _ in range(rng.randint(0, 2))]
    keys = []
    for _ in range(rng.randint(1, 8)):
        flaws = tuple(rng.sample([str(flaw) for flaw in MEANINGS], rng.randint(0, 2)))
        shown_by = {
            ip: tuple(rng.sample(SERVICES, rng.randint(1, 3)))
            for ip in rng.sample(addresses, rng.randint(1, len(addresses)))
        }
        keys.append(
            KeyFacts(
                f"{rng.getrandbits(256):064x}", "rsa", 1024, flaws,
                MEANINGS[next(f for f in MEANINGS if f == flaws[0])].severity if flaws else None,
                rng.random() < 0.3, shown_by, None,
            )
        )  # fmt: skip
    hygiene = {ip: tuple(rng.sample(FLAWS, rng.randint(1, 3))) for ip in addresses if rng.random() < 0.4}
    return Findings(tuple(keys), hygiene, len(keys)), groups


def _no_address_twice(rng: random.Random) -> Iterator[str]:
    """Addresses of which no two are the same: one address has one operator."""
    seen: set[str] = set()
    while True:
        ip = address(rng)
        if ip not in seen:
            seen.add(ip)
            yield ip


def address(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return f"2001:db8:{rng.getrandbits(16):x}:{rng.getrandbits(16):x}::{rng.getrandbits(15) + 1:x}"
    return f"198.18.{rng.getrandbits(8)}.{rng.getrandbits(8)}"


def written(
    findings: Findings, groups: list[Group], language: str = "en"
) -> Iterator[tuple[Group, Told, bytes]]:
    """Each group that is told anything, what, and all bytes of its files: as they are, and with mails decoded."""
    teller = Teller(findings, groups, SECRET, PORTS.__getitem__)
    for place, group in enumerate(groups):
        told = teller.tell(place)
        if not told.hosts:
            continue
        letter = WRITER.write(language, group.title, "Ours", told, findings.keys_checked)
        notice = Notice(
            f"run-by-as/{group.folder}",
            "run",
            group.recipient,
            group.title,
            "Ours",
            group.contact,
            SENDER,
            told,
            letter,
            1,
        )
        with TemporaryDirectory() as folder:
            write_notice(Path(folder) / group.folder, notice)
            files = everything_in(Path(folder))
        yield group, told, b"\n".join([*map(str.encode, files), *files.values(), *decoded(files)])


def decoded(files: dict[str, bytes]) -> Iterator[bytes]:
    for name, content in files.items():
        if name.endswith(".eml"):
            for part in email.message_from_bytes(content, policy=email.policy.default).walk():
                if not part.is_multipart():
                    yield part.get_payload(decode=True)


def identities(findings: Findings, groups: list[Group], own: Group) -> set[str]:
    """Everything that would name anybody else: addresses, names, domains, AS numbers, organisations, keys."""
    mine = {host.ip for host in own.hosts}
    others = {ip for key in findings.keys for ip in key.shown_by} | set(findings.hygiene)
    found = others - mine
    for group in groups:
        if group is not own:
            found |= {group.key, f"AS{group.key}"}
            for host in group.hosts:
                found |= {host.ip, str(host.name), str(host.domain), str(host.as_org)}
    return found | {key.spki_sha256 for key in findings.keys if set(key.shown_by) - mine}


def named_in(content: bytes, identities: Iterable[str]) -> set[str]:
    """Which of these stand there by themselves, in whatever case, in hexadecimal, base64 or as bytes."""
    lower = content.lower()
    words = {identity.lower().encode(): identity for identity in identities}
    any_of = b"|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    whole = re.compile(rb"(?<![0-9A-Za-z.:])(" + any_of + rb")(?![0-9A-Za-z:]|\.[0-9])")
    found = {words[match] for match in whole.findall(lower)} if words else set()
    return found | {each for each in words.values() if any(form in content for form in hidden_forms(each))}


def hidden_forms(identity: str) -> list[bytes]:
    text = identity.encode()
    forms = [text.hex().encode(), base64.b64encode(text).rstrip(b"=")]
    if re.fullmatch("[0-9a-f]{64}", identity):
        key = bytes.fromhex(identity)
        forms += [key, base64.b64encode(key).rstrip(b"="), text[:16]]
    return forms


def assert_nobody_else_is_named(seed: int) -> int:
    findings, groups = population(seed)
    told_of = 0
    for group, told, content in written(findings, groups, "en" if seed % 2 else "de"):
        told_of += len(told.hosts)
        assert named_in(content, identities(findings, groups, group)) == set()
        assert SECRET not in content
        assert SECRET.hex().encode() not in content
        own = {host.ip for host in told.hosts}
        assert named_in(content, own) == own
    return told_of


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_no_notice_names_anybody_but_its_recipient(seed: int) -> None:
    assert_nobody_else_is_named(seed)


@pytest.mark.slow
@given(st.integers(0, 2**32))
def test_no_notice_of_many_names_anybody_but_its_recipient(seed: int) -> None:
    assert_nobody_else_is_named(seed)


def test_the_search_finds_what_is_there() -> None:
    key = "ab" * 32
    assert named_in(b"see 198.18.0.1.", ["198.18.0.1"])
    assert not named_in(b"see 198.18.0.10 and 1198.18.0.1", ["198.18.0.1"])
    assert named_in(b"a AS4200000001, b", ["AS4200000001", "AS1"]) == {"AS4200000001"}
    assert named_in(b"x" + bytes.fromhex(key), [key])
    assert named_in(b"x" + base64.b64encode(b"198.18.0.1"), ["198.18.0.1"])
    assert sum(assert_nobody_else_is_named(seed) for seed in range(3)) > 0


def hosts_of(asn: int, *names: str | None, first: int = 1) -> Group:
    hosts = (
        HostFacts(f"198.18.{asn % 256}.{place}", asn, None, name) for place, name in enumerate(names, first)
    )
    return Group(By.AS, str(asn), tuple(hosts), None)


def test_a_name_that_hosts_of_another_operator_bear_too_is_not_told() -> None:
    groups = [hosts_of(1, "shared.example", "mine.example"), hosts_of(2, "shared.example")]
    findings = Findings((), {host.ip: ("rc4",) for group in groups for host in group.hosts}, 1)
    told = Teller(findings, groups, SECRET, PORTS.__getitem__).tell(0)
    assert {host.ip: host.name for host in told.hosts} == {"198.18.1.1": None, "198.18.1.2": "mine.example"}


def test_of_many_hosts_of_others_some_are_listed_and_all_are_counted() -> None:
    groups = [hosts_of(1, None), *(hosts_of(n, *[None] * 9) for n in range(2, 20))]
    shown_by = {host.ip: ("smtp",) for group in groups for host in group.hosts}
    key = KeyFacts("00" * 32, "rsa", 2048, (), None, False, shown_by, 1)
    (told,) = Teller(Findings((key,), {}, 1), groups, SECRET, PORTS.__getitem__).tell(0).keys
    assert (told.others, told.operators, len(told.peers)) == (162, 18, PEERS_MAX)
    names = [peer.host for peer in told.peers]
    assert names == sorted(names)


@pytest.mark.parametrize("language", ["en", "de"])
def test_each_language_has_words_for_all_there_is_to_tell(language: str) -> None:
    group = hosts_of(1, *["h.example"] * 2)
    one, two = (host.ip for host in group.hosts)
    keys = [
        KeyFacts(f"{n:064x}", "rsa", 1024, (str(flaw),), meaning.severity, True, {one: SERVICES}, None)
        for n, (flaw, meaning) in enumerate(MEANINGS.items())
    ]
    keys.append(KeyFacts("ff" * 32, "rsa", 2048, (), None, False, {one: ("ssh",), two: ("ssh",)}, 1))
    keys.append(KeyFacts("fe" * 32, "rsa", 2048, (), None, False, {one: ("ssh",), "192.0.2.9": ("ssh",)}, 1))
    teller = Teller(Findings(tuple(keys), {one: FLAWS}, 0), [group], SECRET, PORTS.__getitem__)
    told = teller.tell(0)
    assert {finding.concern for host in told.hosts for finding in host.findings} == set(Concern)
    letter = WRITER.write(language, "AS1", None, told, 0)
    assert "{" not in letter.body


def test_what_strangers_named_themselves_breaks_no_line_and_adds_no_header() -> None:
    evil = "Evil\r\nBcc: everybody@example.org\r\n\r\n<script>\x1b[31m\u202e"
    group = Group(By.GROUP, evil, (HostFacts("198.18.0.1"),), Contact("a@b.example"))
    told = Teller(Findings((), {"198.18.0.1": ("rc4",)}, 1), [group], SECRET, PORTS.__getitem__).tell(0)
    letter = WRITER.write("en", group.title, evil, told, 1)
    assert re.search(r"^Bcc", letter.body, re.MULTILINE) is None
    assert "\x1b" not in letter.body
    assert "\u202e" not in letter.body
    with TemporaryDirectory() as folder:
        notice = Notice("x", "run", "as:1", group.title, evil, group.contact, SENDER, told, letter, 1)
        write_notice(Path(folder) / group.folder, notice)
        (mail,) = (content for name, content in everything_in(Path(folder)).items() if name.endswith(".eml"))
    parsed = email.message_from_bytes(mail, policy=email.policy.default)
    assert set(parsed.keys()) == {
        "Subject", "From", "To", "X-Unsent", "MIME-Version", "Content-Type", "Content-Language",
    }  # fmt: skip
    assert parsed["To"] == "a@b.example"
    assert "/" not in group.folder
