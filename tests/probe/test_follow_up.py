"""Follow-ups: who is asked what again, what comes of it, and that nothing is asked twice."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dns_server import name_server, records
from mailcensus.dataset.first_grabs import FirstGrab
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Outcome, Stage, TlsMode
from mailcensus.probe.followups import followups_of
from mailcensus.probe.resolver import Resolver
from mailcensus.probe.server_names import ptr_name, read_server_names
from mailcensus.study import Study, StudyError
from mailcensus.study.sections import FollowupsSection
from mailcensus.wire.host_names import host_names_in
from probe_studies import HOST, collected, followed_up, serving, study_of
from tlspeer.openssl import identity

EVERYTHING = FollowupsSection(
    legacy=True, server_names=("greeting",), ssh_host_keys=True, injection=True, enumerate=True
)
SMTP = FirstGrab(
    ip=HOST,
    service="smtp",
    protocol="smtp",
    tls_mode=TlsMode.STARTTLS,
    outcome=Outcome.OK,
    stage=Stage.DONE,
    greeting="220 mx.example.org ESMTP",
    starttls_accepted=True,
    tls_version=0x0303,
    host_key_algorithms=(),
    host_keys_shown=(),
    asked_again=frozenset(),
)
SSH = replace(
    SMTP,
    service="ssh",
    protocol="ssh",
    tls_mode=TlsMode.NONE,
    greeting=None,
    starttls_accepted=None,
    tls_version=None,
    host_key_algorithms=("rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"),
    host_keys_shown=("ssh-rsa",),
)


def purposes(grab: FirstGrab, wanted: FollowupsSection = EVERYTHING) -> list[str]:
    return [ask.purpose for ask in followups_of(grab, wanted)]


@pytest.mark.parametrize(
    ("grab", "expected"),
    [
        (SMTP, ["sni_greeting", "starttls_injection", "enumerate"]),
        (SSH, ["ssh_ecdsa", "ssh_ed25519"]),
        (replace(SMTP, outcome=Outcome.TLS_ALERT, stage=Stage.TLS, tls_version=None, greeting="220 hi"),
         ["legacy_weak", "legacy_sslv3", "legacy_sslv2", "starttls_injection"]),
        (replace(SMTP, outcome=Outcome.TIMEOUT, stage=Stage.TLS, tls_version=None, starttls_accepted=None), []),
        (replace(SMTP, outcome=Outcome.NO_STARTTLS, tls_version=None, starttls_accepted=None), []),
        (replace(SMTP, asked_again=frozenset({"enumerate", "sni_greeting"})), ["starttls_injection"]),
        (replace(SSH, outcome=Outcome.CLOSED, host_keys_shown=()), ["ssh_rsa", "ssh_ecdsa", "ssh_ed25519"]),
    ],
)  # fmt: skip
def test_a_follow_up_needs_a_reason(grab: FirstGrab, expected: list[str]) -> None:
    assert purposes(grab) == expected
    assert purposes(grab, FollowupsSection()) == []


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        ("220 MX1.Example.ORG ESMTP Postfix", "mx1.example.org"),
        ("* OK [CAPABILITY IMAP4rev1] Dovecot ready.", None),
        ("220 [192.0.2.1] ready", None),
        ("220 " + "a." * 5000, None),
        (None, None),
    ],
)
def test_a_greeting_may_name_its_host(greeting: str | None, name: str | None) -> None:
    assert host_names_in(greeting)[:1] == ([] if name is None else [name])


def server_context(
    tmp_path: Path, ciphers: str, *, minimum: ssl.TLSVersion, prefer_server: bool
) -> ssl.SSLContext:
    pem = tmp_path / "identity.pem"
    pem.write_bytes(identity("rsa")[0])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.minimum_version = minimum
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    if not prefer_server:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.read()
    except OSError:
        pass
    writer.close()


def table(study: Study, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Dataset(study.data).table(name).to_pyarrow().to_pylist()
    return rows


@pytest.mark.parametrize("prefer_server", [True, False])
def test_all_suites_of_a_server_are_enumerated_in_its_order(tmp_path: Path, prefer_server: bool) -> None:
    ciphers = "AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384:AES256-GCM-SHA384:@SECLEVEL=0"
    context = server_context(tmp_path, ciphers, minimum=ssl.TLSVersion.TLSv1_1, prefer_server=prefer_server)
    with serving(silent, context) as port:
        study = study_of(tmp_path / "study", {"https": port}, {"enumerate": True}, deadlines={"reply_s": 0.5})
        collected(study, [HOST])
        followed_up(study)
        rows = {row["version_name"]: row for row in table(study, "enumerations")}
        followed_up(study)
    assert len(table(study, "enumerations")) == len(rows) == 5
    taken = {name: set(row["cipher_suite_names"]) for name, row in rows.items()}
    assert taken == {
        "TLSv1.3": set(),
        "TLSv1.2": {
            "TLS_RSA_WITH_AES_128_CBC_SHA",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_RSA_WITH_AES_256_GCM_SHA384",
        },
        "TLSv1.1": {"TLS_RSA_WITH_AES_128_CBC_SHA"},
        "TLSv1.0": set(),
        "SSLv3": set(),
    }
    assert rows["TLSv1.2"]["preference"] == ("server" if prefer_server else "client")
    if prefer_server:
        assert rows["TLSv1.2"]["cipher_suite_names"][0] == "TLS_RSA_WITH_AES_128_CBC_SHA"
    assert all(row["complete"] for row in rows.values())
    assert rows["TLSv1.2"]["connections"] == 5


def test_a_server_that_refused_is_asked_with_legacy_hellos(tmp_path: Path) -> None:
    context = server_context(
        tmp_path, "NULL-SHA256:@SECLEVEL=0", minimum=ssl.TLSVersion.TLSv1_2, prefer_server=True
    )
    with serving(silent, context) as port:
        study = study_of(tmp_path / "study", {"https": port}, {"legacy": True}, deadlines={"reply_s": 0.5})
        [first] = collected(study, [HOST])
        followed_up(study)
    assert first["outcome"] in ("tls_alert", "reset", "closed")
    rows = {row["purpose"]: row for row in table(study, "followups")}
    assert set(rows) == {"legacy_weak", "legacy_sslv3", "legacy_sslv2"}
    assert rows["legacy_weak"]["outcome"] == "ok"
    assert rows["legacy_weak"]["tls"]["cipher_suite_name"] == "TLS_RSA_WITH_NULL_SHA256"
    assert rows["legacy_weak"]["tls"]["unfinished_reason"] == "TLS_RSA_WITH_NULL_SHA256 is observed only"
    assert rows["legacy_sslv3"]["outcome"] in ("tls_alert", "reset", "closed")


def test_names_of_greeting_ptr_and_a_list_are_sent_as_sni(tmp_path: Path) -> None:
    names: list[str | None] = []
    context = server_context(tmp_path, "DEFAULT", minimum=ssl.TLSVersion.TLSv1_2, prefer_server=True)
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    async def imap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK imap.example.org ready\r\n")
        await silent(reader, writer)

    (tmp_path / "study").mkdir()
    (tmp_path / "study/names.txt").write_text(
        "# MX names\n127.0.0.1 MX.example.net.\n192.0.2.1 other.example\n"
    )
    wanted = {"server_names": ("greeting", "ptr", "file"), "server_names_file": "names.txt"}
    with serving(imap, context) as port:
        study = study_of(tmp_path / "study", {"imaps": port}, wanted, deadlines={"reply_s": 0.5})
        collected(study, [HOST])
        followed_up(study)
    rows = {row["purpose"]: row["tls"]["sni"] for row in table(study, "followups")}
    local, _ = socket.getnameinfo((HOST, 0), socket.NI_NAMEREQD)
    assert rows == {"sni_greeting": "imap.example.org", "sni_ptr": local, "sni_file": "mx.example.net"}
    assert names == [None, "imap.example.org", local, "mx.example.net"]


@pytest.mark.parametrize("line", ["127.0.0.1", "mx.example 127.0.0.1", "127.0.0.1 a b"])
def test_a_bad_line_in_a_list_of_names_is_one_clear_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "names.txt"
    path.write_text(f"127.0.0.1 mx.example\n{line}\n")
    with pytest.raises(StudyError, match=r"names\.txt: line 2: not an address and a name"):
        read_server_names(path)


def test_a_study_without_follow_ups_asks_nothing_again(tmp_path: Path) -> None:
    study = study_of(tmp_path, {"smtp": 1})
    collected(study, [HOST])
    followed_up(study)
    assert table(study, "followups") == table(study, "enumerations") == []


def test_reverse_names_come_from_the_study_s_own_resolver_where_it_names_one() -> None:
    reverse = "1.0.0.127.in-addr.arpa"
    zone = {f"{reverse} PTR": records(f"{reverse}. 60 IN PTR b.example.", f"{reverse}. 60 IN PTR a.example.")}
    with name_server(zone) as server:
        resolver = Resolver([server.resolver], 1_000)
        assert asyncio.run(ptr_name(HOST, resolver)) == "a.example"
        assert asyncio.run(ptr_name("127.0.0.2", resolver)) is None
