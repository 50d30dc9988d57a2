"""The ledger: what was sent and answered stays, whatever is killed; what is mended is told from what is unknown."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.hand_made import NOW, RUN, Leaf, Server, named
from mailcensus.analysis.evidence import gather
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Recheck, RecheckVerdict
from mailcensus.outreach.ledger import Event, Item, append, ledger_path, read_ledger, sent_event
from mailcensus.outreach.ledger_fixed import NoticeState, states
from mailcensus.outreach.notices_findings import Concern
from mailcensus.outreach.notices_told import own_name
from mailcensus.outreach.pseudonyms import Kind, Pseudonyms
from mailcensus.study import Settings, Study, StudyError
from outreach.noticed import study_of, write

SECRET = bytes(range(32))
NAMES = Pseudonyms(SECRET, "as:64500")
LAST_YEAR = "2025-11-22T01-02-03Z-0000"
SHARED = Concern.SHARED_WITH_OTHERS


def event(*told: Item, run_id: str = LAST_YEAR, notice: str = "r-by-as/as64500") -> Event:
    return Event(
        at=NOW, event="sent", notice=notice, run_id=run_id, recipient="as:64500", name="AS64500", told=told,
        pseudonym=own_name(NAMES, "as:64500"),
    )  # fmt: skip


def study_in(folder: Path) -> Study:
    return Study(folder, Settings())


def key_item(ip: str, service: str, key: str, algorithm: str = "ecdsa", concern: Concern = SHARED) -> Item:
    return Item(ip=ip, concern=concern, service=service, key=key, algorithm=algorithm)


def test_events_come_back_as_they_were_added(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    assert read_ledger(study) == []
    first, second = event(), Event(at=NOW, event="answered", notice="n", note="mended\nsoon \u202e")
    append(study, [first])
    append(study, [second])
    assert read_ledger(study) == [first, second]
    assert ledger_path(study).stat().st_mode & 0o077 == 0


def test_of_an_event_cut_by_a_crash_nothing_counts_and_nothing_else_is_lost(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    append(study, [event(key_item("192.0.2.1", "ssh", "00" * 32))])
    whole = ledger_path(study).read_bytes()
    for cut in (*range(0, len(whole) - 1, 9), len(whole) - 1):
        ledger_path(study).write_bytes(whole + whole[:cut])
        assert len(read_ledger(study)) == 1 + (cut == len(whole) - 1)
    ledger_path(study).write_bytes(whole + whole[:-30])
    append(study, [event(notice="next")])
    assert [each.notice for each in read_ledger(study)] == ["r-by-as/as64500", "next"]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_ledger_or_an_error_of_ours(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        study = study_in(Path(folder))
        ledger_path(study).parent.mkdir()
        ledger_path(study).write_bytes(content)
        with suppress(StudyError):
            read_ledger(study)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"format": 2}', b"\xff", b"null"])
def test_what_is_no_notice_is_not_noted_as_sent(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notice.json").write_bytes(content)
    with pytest.raises(StudyError, match="not a notice of ours"):
        sent_event(tmp_path, NOW, None)
    with pytest.raises(StudyError, match="name the folder of a notice"):
        sent_event(tmp_path / "nowhere", NOW, None)


def test_of_a_key_that_ssh_shares_with_tls_the_host_key_is_the_one_to_change(tmp_path: Path) -> None:
    finding = {"concern": "ssh_and_tls", "services": ["ssh", "smtp"], "key": "k", "flaws": []}
    within = {"concern": "shared_within", "services": ["smtp"], "key": "k", "flaws": []}
    hygiene = {"concern": "hygiene", "services": [], "key": None, "flaws": ["rc4", "expired"]}
    notice = {
        "format": 1, "notice": "n", "run_id": RUN, "to": "a@b.example",
        "about": {"recipient": "as:1", "name": "AS1", "pseudonym": "operator-x"},
        "hosts": [{"ip": "192.0.2.1", "findings": [finding, within, hygiene]}],
        "keys": [{"key": "k", "algorithm": "rsa"}],
    }  # fmt: skip
    (tmp_path / "notice.json").write_text(json.dumps(notice))
    sent = sent_event(tmp_path, NOW, None)
    assert sent.to == "a@b.example"
    assert [(item.service, item.key, item.flaw) for item in sent.told] == [
        ("ssh", "k", None),
        (None, None, "rc4"),
        (None, None, "expired"),
    ]


@pytest.mark.slow
def test_what_another_key_shows_is_mended_and_what_nobody_could_see_is_unknown() -> None:
    old, new = Leaf(key="old"), Leaf(key="new")
    pseudonym = NAMES.name(Kind.KEY, named("old"))
    servers = (
        Server(ip="192.0.2.1", ssh="host", tls=old),
        Server(ip="192.0.2.2", ssh="host2", tls=new),
    )
    cases = {
        "still": [
            key_item("192.0.2.1", "smtp", named("old")),
            key_item("192.0.2.1", "smtp", pseudonym),
            Item(ip="192.0.2.1", concern=Concern.HYGIENE, flaw="self_signed"),
        ],
        "fixed": [
            key_item("192.0.2.2", "smtp", named("old")),
            key_item("192.0.2.2", "smtp", pseudonym),
            key_item("192.0.2.2", "ssh", named("old"), "ed25519"),
            Item(ip="192.0.2.1", concern=Concern.HYGIENE, flaw="rc4"),
        ],
        "unknown": [
            key_item("192.0.2.2", "ssh", named("old"), "rsa"),  # it may have one of each
            key_item("192.0.2.2", "imaps", named("old")),
            key_item("192.0.2.99", "smtp", named("old")),
            Item(ip="192.0.2.99", concern=Concern.HYGIENE, flaw="rc4"),
        ],
    }
    with study_of(*servers) as study:
        evidence = gather(Dataset(study.data))

        def state(told: list[Item], run_id: str = LAST_YEAR, secret: bytes | None = SECRET) -> NoticeState:
            (one,) = states([event(*told, run_id=run_id)], evidence, secret)
            return one

        for expected, told in cases.items():
            assert getattr(state(told), expected) == len(told), expected
            assert state(told, run_id=RUN).unknown == len(told), "nobody looked again since"
        hidden = [key_item("192.0.2.2", "smtp", pseudonym)]
        assert state(hidden, secret=None).unknown == 1
        assert state(hidden, secret=bytes(32)).unknown == 1, "names made with another secret say nothing"


@pytest.mark.slow
def test_a_recheck_says_what_the_run_could_not_and_one_without_answer_says_nothing() -> None:
    with study_of(Server(ip="192.0.2.1", tls=Leaf(key="new"))) as study:
        told = [key_item("192.0.2.1", "imaps", named("old")), key_item("192.0.2.1", "pop3s", named("old"))]
        verdicts = [("imaps", RecheckVerdict.DIFFERS), ("imaps", RecheckVerdict.UNREACHABLE),
                    ("pop3s", RecheckVerdict.DIFFERS), ("pop3s", RecheckVerdict.AGREES)]  # fmt: skip
        rows = [
            Recheck(
                run_id=RUN, cluster=1, asked_at=datetime(2026, 11, 23, tzinfo=UTC) + timedelta(hours=hour),
                duration_ms=1, ip="192.0.2.1", port=993, service=service, spki_sha256=named("old"), algorithm="ecdsa",
                verdict=verdict, spki_seen=None, client="openssl", client_version="3", detail=None,
            )
            for hour, (service, verdict) in enumerate(verdicts)
        ]  # fmt: skip
        write(study.data, "rechecks", Recheck, rows)
        answer = Event(at=NOW, event="answered", notice="r-by-as/as64500", note="thanks")
        (one,) = states([event(*told, run_id=RUN), answer], gather(Dataset(study.data)), SECRET)
        assert (one.fixed, one.still, one.unknown, one.note) == (1, 1, 0, "thanks")
