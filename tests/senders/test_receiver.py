"""The SMTP receiver: commands beside answers, and any bytes at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.model import Attempt, AttemptOutcome, TlsMode
from mailcensus.senders.conditions import StartTls
from mailcensus.senders.notes import Notes
from mailcensus.senders.receiver import COMMANDS, LINE_BYTES, Answer, Manner, Receiver, Then, TooMuch

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOKEN = "mc-abcdefghijkmnpqr"
ENVELOPE = f"MAIL FROM:<a@from.example>\r\nRCPT TO:<{TOKEN}@valid.exp.example>\r\n".encode()


class Recipients:
    """One recipient, and a report address."""

    def find(self, local_part: str, domain: str) -> tuple[bool, str | None]:
        if local_part == "tlsrpt":
            return True, None
        return (local_part, domain) == (TOKEN, "valid.exp.example"), TOKEN


class Talk:
    """A receiver, and what was kept of it."""

    def __init__(self, **manner: object) -> None:
        self.kept: list[tuple[Attempt, bool]] = []
        record = Attempt(
            run_id="r", attempt_id="a", condition="valid", started_at=AT, ip="127.0.0.1", port=25,
            client_ip="127.0.0.2", client_port=4_000, tls_mode=TlsMode.STARTTLS,
        )  # fmt: skip
        self.notes = Notes(record, lambda each, over: self.kept.append((each, over)))
        told = Manner(**{"starttls": StartTls.OFFERED, **manner})  # type: ignore[arg-type]
        self.receiver = Receiver(
            "mx.exp.example", self.notes, Recipients(), lambda name: told, lambda: AT, message_bytes=10_000,
            keeps=lambda local_part, domain: local_part == "tlsrpt",
        )  # fmt: skip

    def say(self, data: bytes) -> Answer:
        return self.receiver.receive(data)

    def codes(self, data: bytes) -> list[int]:
        """Codes of all replies."""
        lines = self.say(data).data.decode().splitlines()
        return [int(line[:3]) for line in lines if line[3:4] != "-"]


DIALOGUES = [
    (b"EHLO mx.a.example\r\n", [250]),
    (b"HELO mx.a.example\r\n", [250]),
    (b"EHLO\r\n", [501]),
    (b"NOOP\r\nRSET\r\nVRFY x\r\n", [250, 250, 252]),
    (b"MAIL FROM:<a@b.example>\r\n", [503]),
    (b"EHLO a.example\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n", [250, 250, 503]),
    (b"EHLO a.example\r\nRCPT TO:<x@y.example>\r\nDATA\r\n", [250, 503, 503]),
    (b"EHLO a.example\r\n" + ENVELOPE + b"DATA\r\nhello\r\n.\r\nQUIT\r\n", [250, 250, 250, 354, 250, 221]),
    (b"EHLO a.example\r\n" + ENVELOPE + b"DATA\r\n.\r\n", [250, 250, 250, 354, 250]),
    (b"AUTH PLAIN AGEAYg==\r\n", [502]),
    (b"ETRN x\r\n\r\n", [502, 502]),
]


@pytest.mark.parametrize(("said", "codes"), DIALOGUES)
def test_commands_whole_and_byte_by_byte(said: bytes, codes: list[int]) -> None:
    assert Talk().codes(said) == codes
    talk = Talk()
    assert [code for byte in said for code in talk.codes(bytes([byte]))] == codes


def test_nothing_is_relayed() -> None:
    talk = Talk()
    said = b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\n"
    for recipient in (
        "user@elsewhere.example",
        f"{TOKEN}@elsewhere.example",
        "mc-zzzzzzzzzzzzzzzz@valid.exp.example",
    ):
        assert talk.codes(said + f"RCPT TO:<{recipient}>\r\nDATA\r\n".encode())[-2:] == [550, 503]
        said = b"RSET\r\nMAIL FROM:<a@b.example>\r\n"
    assert talk.notes.record.recipients_refused >= 1
    assert talk.notes.finish(AT).outcome is AttemptOutcome.REJECTED


def test_of_the_envelope_the_domain_is_kept_and_of_the_message_the_token() -> None:
    talk = Talk()
    body = f"Subject: secret plans\r\n\r\nfor {TOKEN} only, from alice\r\n.\r\n".encode()
    talk.say(
        b"EHLO mx.a.example\r\nMAIL FROM:<alice@From.Example>\r\n"
        + ENVELOPE.partition(b"\r\n")[2]
        + b"DATA\r\n"
        + body
    )
    record = talk.notes.finish(AT)
    assert (record.mail_from_domain, record.token, record.body_token) == ("from.example", TOKEN, TOKEN)
    assert (record.outcome, record.data_in_clear) == (AttemptOutcome.DELIVERED_CLEAR, True)
    assert not any(word in str(talk.kept) for word in ("alice", "secret plans"))
    assert talk.receiver.kept == []


def test_credentials_are_neither_taken_nor_kept() -> None:
    talk = Talk()
    talk.say(b"EHLO a.example\r\nAUTH PLAIN AGFsaWNlAHMzY3JldA==\r\nAUTH LOGIN\r\n")
    record = talk.notes.finish(AT)
    assert record.auth_tried
    assert "AGFsaWNl" not in str(talk.kept)


def test_auth_is_never_offered() -> None:
    assert b"AUTH" not in Talk().say(b"EHLO a.example\r\n").data


@pytest.mark.parametrize(
    ("starttls", "offered", "code", "then"),
    [
        (StartTls.OFFERED, True, b"220", Then.START_TLS),
        (StartTls.GARBAGE, True, b"220", Then.START_TLS),
        (StartTls.ABSENT, False, b"502", Then.GO_ON),
        (StartTls.STRIPPED, False, b"502", Then.GO_ON),
        (StartTls.REFUSED, True, b"454", Then.GO_ON),
    ],
)
def test_starttls_in_every_manner(starttls: StartTls, offered: bool, code: bytes, then: Then) -> None:
    talk = Talk(starttls=starttls)
    assert (b"STARTTLS" in talk.say(b"EHLO a.example\r\n").data) is offered
    answer = talk.say(b"STARTTLS\r\n")
    assert (answer.data[:3], answer.then) == (code, then)
    assert talk.notes.record.starttls_asked
    assert talk.notes.record.starttls_offered is offered


def test_what_follows_starttls_in_the_clear_is_dropped() -> None:
    talk = Talk()
    talk.say(b"EHLO a.example\r\nSTARTTLS\r\nMAIL FROM:<injected@x.example>\r\n")
    talk.receiver.secure = True
    assert talk.codes(b"EHLO a.example\r\n") == [250]
    assert talk.notes.record.mail_from_domain is None


def test_requiretls_is_offered_behind_tls_only() -> None:
    talk = Talk(requiretls=True)
    assert b"REQUIRETLS" not in talk.say(b"EHLO a.example\r\n").data
    assert talk.codes(b"MAIL FROM:<a@b.example> REQUIRETLS\r\n") == [555]
    talk.receiver.secure = True
    assert b"REQUIRETLS" in talk.say(b"EHLO a.example\r\n").data
    assert talk.codes(b"MAIL FROM:<a@b.example> REQUIRETLS\r\n") == [250]
    assert talk.notes.record.requiretls_asked


def test_who_is_to_come_again_is_put_off_by_name_of_its_message() -> None:
    talk = Talk(put_off=True)
    assert talk.codes(b"EHLO a.example\r\n" + ENVELOPE)[-1] == 451
    record = talk.notes.finish(AT)
    assert (record.outcome, record.token) == (AttemptOutcome.DEFERRED, TOKEN)


def test_a_message_ends_with_a_dot_between_crlf_and_nothing_else() -> None:
    for end in (b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r"):
        talk = Talk()
        talk.say(b"EHLO a.example\r\n" + ENVELOPE + b"DATA\r\n")
        assert talk.say(b"one" + end + b"MAIL FROM:<smuggled@x.example>\r\n").data == b""
        assert talk.notes.finish(AT).outcome is AttemptOutcome.CUT


def test_a_message_cut_anywhere_has_the_same_size_and_token() -> None:
    body = b"a\r\n..b\r\n" + TOKEN.encode() + b"\r\n"
    for at in range(len(body) + 3):
        talk = Talk()
        talk.say(b"EHLO a.example\r\n" + ENVELOPE + b"DATA\r\n")
        whole = body + b".\r\n"
        talk.say(whole[:at])
        talk.say(whole[at:])
        record = talk.notes.record
        assert (record.data_bytes, record.body_token) == (len(body), TOKEN), at


def test_messages_of_one_connection_are_attempts_of_their_own() -> None:
    talk = Talk()
    one = ENVELOPE + b"DATA\r\nx\r\n.\r\n"
    talk.say(b"EHLO a.example\r\n" + one + one + b"QUIT\r\n")
    talk.notes.finish(AT)
    over = [record for record, is_over in talk.kept if is_over]
    assert [record.attempt_id for record in over] == ["a", "a/2"]
    assert {record.outcome for record in over} == {AttemptOutcome.DELIVERED_CLEAR}


def test_reports_alone_are_kept() -> None:
    talk = Talk()
    talk.say(b"EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<tlsrpt@reports.exp.example>\r\nDATA\r\nhi\r\n.\r\n")
    assert talk.receiver.kept == [b"hi\r\n"]


def test_caps_end_it() -> None:
    with pytest.raises(TooMuch, match="bytes"):
        Talk().say(b"x" * (LINE_BYTES + 2))
    with pytest.raises(TooMuch, match="commands"):
        Talk().say(b"NOOP\r\n" * (COMMANDS + 1))
    talk = Talk()
    talk.say(b"EHLO a.example\r\n" + ENVELOPE + b"DATA\r\n")
    with pytest.raises(TooMuch, match="message"):
        talk.say(b"y" * 50_000)
    talk = Talk()
    assert (
        talk.codes(b"EHLO a.example\r\n" + ENVELOPE + b"DATA\r\n" + b"z" * 10_001 + b"\r\n.\r\n")[-1] == 552
    )
    assert talk.notes.finish(AT).outcome is AttemptOutcome.REJECTED


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60), st.sampled_from([*(said for said, _ in DIALOGUES), ENVELOPE, b"DATA\r\n"])
        )
    )
)
def test_any_bytes_give_answers_or_too_much(pieces: list[bytes]) -> None:
    talk = Talk()
    for piece in pieces:
        try:
            answer = talk.say(piece)
        except TooMuch:
            return
        assert answer.data == b"" or answer.data.endswith(b"\r\n")
        if answer.then is Then.CLOSE:
            break
    assert isinstance(talk.notes.finish(AT).outcome, AttemptOutcome)
