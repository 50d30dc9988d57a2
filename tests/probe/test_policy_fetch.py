"""Policies by HTTPS: an ordinary client gets one, or a reason why not."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.facts.domains.answers import Answers, Inquiry
from mailcensus.facts.domains.policies import with_policy
from mailcensus.model import AnswerState, DnsAnswer, ExchangeState, MtaSts, Mx, PolicyState
from mailcensus.population import Exclusions
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.policy_fetch import PolicyAsk, fetch_policy, policy_context
from mailcensus.probe.policy_response import PolicyResponse, is_complete, read_response
from mailcensus.study.sections import PolitenessSection

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: *.b.example\r\nmax_age: 86400\r\n"
HOST = "mta-sts.b.example"


def page(body: str, head: str = "Content-Type: text/plain; charset=utf-8", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def chunked(body: str) -> bytes:
    cut = len(body) // 2
    chunks = "".join(f"{len(part):x}\r\n{part}\r\n" for part in (body[:cut], body[cut:]))
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    return f"{head}{chunks}0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (page(POLICY), "ok"),
        (chunked(POLICY), "ok"),
        (f"HTTP/1.0 200 OK\nContent-Type: text/plain\n\n{POLICY}".encode(), "ok"),
        (page(POLICY, "Content-Type: text/html"), "media_type"),
        (page(POLICY, "X: y"), "media_type"),
        (page("", "Location: https://elsewhere.example/", "301 Moved"), "redirect"),
        (page("", status="404 Not Found"), "status"),
        (page("x" * 70_000), "too_long"),
        (page("x" * 200_000), "too_long"),
        (page(POLICY)[:-5], "malformed"),
        (chunked(POLICY)[:-5], "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-", "malformed"),
        (b"220 mx.example ESMTP\r\n", "malformed"),
        (b"", "malformed"),
    ],
)
def test_what_comes_has_an_outcome(raw: bytes, outcome: str) -> None:
    found = read_response(raw)
    assert found.outcome == outcome
    assert (found.error is None) == (outcome == "ok")
    if outcome == "ok":
        assert found.body is not None
        assert found.body.replace("\r\n", "\n") == POLICY.replace("\r\n", "\n")


def test_a_whole_answer_is_known_to_be_whole_byte_by_byte() -> None:
    for raw in (page(POLICY), chunked(POLICY)):
        ends = [size for size in range(len(raw) + 1) if is_complete(raw[:size])]
        assert ends
        assert read_response(raw[: ends[0]]).outcome == "ok"
        assert ends[0] >= len(raw) - 4


@pytest.mark.slow
@given(st.binary(max_size=200))
def test_any_bytes_have_an_outcome(raw: bytes) -> None:
    for data in (
        raw,
        b"HTTP/1.1 200 OK\r\n" + raw,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + raw,
    ):
        is_complete(data)
        assert read_response(data).outcome


def certificate(directory: Path, name: str) -> Path:
    """A certificate that signs itself, and its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{name}.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return path


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("policy"), HOST)


async def fetched(
    trusted: Path, own: Path | None, answer: bytes | None, *, excluded: Path | None = None
) -> tuple[PolicyResponse, bytes]:
    """Ask a server with a certificate; what came, and what the server was asked."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is not None:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            writer.close()
        else:
            await reader.read()

    context = None
    if own is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    exclusions = Exclusions([] if excluded is None else [excluded])
    dialer = Dialer(PolitenessSection(), exclusions, allow_special=True)
    ask = PolicyAsk(policy_context(trusted), port, 0.5, "scanner.invalid")
    try:
        found = await fetch_policy(dialer, ask, HOST, ["127.0.0.1"])
    finally:
        server.close()
    return found, b"".join(requests)


def test_a_policy_is_asked_for_as_the_rfc_says(trusted: Path) -> None:
    found, request = asyncio.run(fetched(trusted, trusted, page(POLICY)))
    assert (found.outcome, found.status, found.body) == ("ok", 200, POLICY)
    assert request.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.b.example\r\n")
    assert b"scanner.invalid" in request


def test_a_certificate_for_another_name_or_of_a_stranger_is_no_policy(trusted: Path, tmp_path: Path) -> None:
    other = certificate(tmp_path, "other.example")
    stranger = certificate(tmp_path, HOST)
    assert asyncio.run(fetched(other, other, page(POLICY)))[0].outcome == "certificate"
    assert asyncio.run(fetched(trusted, stranger, page(POLICY)))[0].outcome == "certificate"


@pytest.mark.parametrize(
    ("own", "answer", "outcomes"),
    [
        (True, None, {"timeout"}),
        (True, b"", {"closed", "reset"}),
        (False, b"plain\r\n", {"tls", "timeout", "reset", "closed"}),
    ],
)
def test_a_host_that_gives_none_says_how(
    trusted: Path, own: bool, answer: bytes | None, outcomes: set[str]
) -> None:
    assert asyncio.run(fetched(trusted, trusted if own else None, answer))[0].outcome in outcomes


def test_nobody_there_is_refused() -> None:
    async def asking() -> PolicyResponse:
        dialer = Dialer(PolitenessSection(), Exclusions(), allow_special=True)
        ask = PolicyAsk(ssl.create_default_context(), 1, 1.0, "scanner.invalid")
        return await fetch_policy(dialer, ask, HOST, ["127.0.0.1"])

    assert asyncio.run(asking()).outcome == "refused"


class Told:
    """DNS that gives the policy host an address, or none."""

    def __init__(self, state: AnswerState) -> None:
        self._state = state

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        has = self._state is AnswerState.ANSWER and kind == "A"
        state = AnswerState.NODATA if self._state is AnswerState.ANSWER and not has else self._state
        at = datetime.datetime.now(datetime.UTC)
        return DnsAnswer(
            run_id="r", name=name, type=kind, state=state, rdata=("192.0.2.1",) if has else (), asked_at=at
        )

    def stop(self) -> None:
        """Nothing is on its way."""


def judged(response: PolicyResponse, dns_state: AnswerState = AnswerState.ANSWER) -> MtaSts:
    async def fetch(host: str, addresses: object) -> PolicyResponse:
        assert host == HOST
        return response

    at = datetime.datetime.now(datetime.UTC)
    exchanges = [
        Mx(run_id="r", domain="b.example", preference=1, exchange=name, state=ExchangeState.OK, asked_at=at)
        for name in ("mx.b.example", "mx.other.example")
    ]
    record = MtaSts(state=PolicyState.PRESENT, record_state=PolicyState.PRESENT, id="a")
    inquiry = Inquiry(Answers("r", Told(dns_state)))
    return asyncio.run(with_policy(inquiry, "b.example", record, exchanges, fetch))


def test_a_policy_is_held_against_the_exchanges() -> None:
    found = judged(PolicyResponse("ok", 200, POLICY))
    assert (found.state, found.mode, found.max_age_s) == (PolicyState.PRESENT, "enforce", 86_400)
    assert (found.mx_patterns, found.uncovered) == (("*.b.example",), ("mx.other.example",))


@pytest.mark.parametrize(
    ("response", "dns_state", "state", "fetch"),
    [
        (PolicyResponse("ok", 200, "nonsense"), AnswerState.ANSWER, PolicyState.INVALID, "ok"),
        (PolicyResponse("certificate"), AnswerState.ANSWER, PolicyState.INVALID, "certificate"),
        (PolicyResponse("status", 404), AnswerState.ANSWER, PolicyState.INVALID, "status"),
        (PolicyResponse("timeout"), AnswerState.ANSWER, PolicyState.UNKNOWN, "timeout"),
        (PolicyResponse("excluded"), AnswerState.ANSWER, PolicyState.UNKNOWN, "excluded"),
        (PolicyResponse("ok"), AnswerState.NXDOMAIN, PolicyState.INVALID, "no_address"),
        (PolicyResponse("ok"), AnswerState.SERVFAIL, PolicyState.UNKNOWN, "dns"),
    ],
)
def test_unknown_is_not_invalid(
    response: PolicyResponse, dns_state: AnswerState, state: PolicyState, fetch: str
) -> None:
    found = judged(response, dns_state)
    assert (found.state, found.policy_state, found.fetch) == (state, state, fetch)


def test_an_excluded_address_is_not_asked(trusted: Path, tmp_path: Path) -> None:
    excluded = tmp_path / "opt-outs"
    excluded.write_text("127.0.0.0/8\n")
    found, request = asyncio.run(fetched(trusted, trusted, page(POLICY), excluded=excluded))
    assert (found.outcome, request) == ("excluded", b"")
