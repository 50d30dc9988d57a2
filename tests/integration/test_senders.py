"""Real senders at badly secured receivers: the matrix says what their own logs say.

DNS is signed and validated, queues lose patience in seconds, bounces come back to the experiment's mailbox.
"""

from __future__ import annotations

import shutil
import smtplib
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailcensus.analysis.senders.rows import SenderMatrixRow
from mailcensus.analysis.senders.tables import SenderTables, sender_tables
from mailcensus.dataset.tables import Dataset
from mailcensus.senders.plan import Plan, PlannedToken
from mailcensus.senders.planning import plan_experiment
from mailcensus.study import Settings, Study
from mailcensus.study.sections import SendersSection
from mailcensus.study.template import study_toml
from places import fresh_network
from realservers.process import ServerMissing, program
from realservers.sender_logs import SENDER_LOGS, Told
from realservers.sending import LEVELS, PORT, Net, exim, opensmtpd, postfix
from realservers.signed_zone import signed_zone

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ZONE = "exp.example"
CONDITIONS = (
    *("valid", "no_starttls", "starttls_refused", "starttls_garbage", "self_signed", "wrong_name", "tls10"),
    *("dhe768", "clear_then_tls", "tls_then_clear", "key_changed", "mx_fallback"),
    *("dane_match", "dane_mismatch", "dane_no_starttls", "implicit_tls"),
)
"""Of all; the others follow the same ways, and each costs seconds."""
ENDS = ("delivered_encrypted", "delivered_clear", "bounced")
CLIENTS = ("swaks", "msmtp", "smtplib")
PATIENCE_S = 180.0


@dataclass(slots=True)
class World:
    """What came of one experiment."""

    plan: Plan
    tables: SenderTables
    told: dict[str, Told]
    logs: dict[str, str] = field(default_factory=dict)

    def row(self, sender: str, condition: str) -> SenderMatrixRow:
        return next(r for r in self.tables.matrix if (r.sender, r.condition) == (sender, condition))


SERVERS = (*(f"postfix-{level}" for level in LEVELS), "exim", "opensmtpd")


@pytest.fixture(scope="module")
def world(server_directory: Path) -> Iterator[World]:
    """All senders send to all conditions; then their logs are read."""
    try:
        yield _experiment(server_directory / "senders")
    except ServerMissing as missing:
        pytest.skip(str(missing))


def _experiment(directory: Path) -> World:
    directory.mkdir()
    for name, package in (("swaks", "swaks"), ("msmtp", "msmtp")):
        program(name, package)
    network = fresh_network()
    first, second = network.split(".")[:2]
    study = _study(directory / "study", f"{network}.64/26")
    plan = plan_experiment(study, datetime.now(UTC))
    folder = study.directory / "senders"
    trusted = directory / "trusted.pem"
    certificate = (folder / "certificates" / "authority.pem").read_text()
    trusted.write_text(certificate[certificate.index("-----BEGIN CERTIFICATE") :])
    net = Net(prefix=f"{first}.{second}", resolver=f"{network}.2", trusted=trusted)
    senders = {f"{token.token}@{plan.returns_domain}": token for token in plan.tokens}
    levels = {
        address: token.sender.removeprefix("postfix-")
        for address, token in senders.items()
        if token.sender.startswith("postfix-")
    }
    records = "\n".join(
        line for line in (folder / "zone.txt").read_text().splitlines() if not line.startswith("$")
    )
    with ExitStack() as stack:
        stack.enter_context(
            signed_zone(directory / "dns", address=net.resolver, zone=f"{ZONE}.", records=records, local=[])
        )
        stack.enter_context(_serving(study, directory))
        servers = {
            "postfix": stack.enter_context(postfix(directory / "postfix", net, levels)),
            "exim": stack.enter_context(exim(directory / "exim", net, 6)),
            "opensmtpd": stack.enter_context(opensmtpd(directory / "opensmtpd", net, 7)),
        }
        with ThreadPoolExecutor(8) as pool:
            queued = [t for t in plan.tokens if t.sender in SERVERS and t.condition != "implicit_tls"]
            list(pool.map(lambda t: _hand_over(plan, t, servers[t.sender.split("-")[0]].address), queued))
            direct = [token for token in plan.tokens if token.sender in CLIENTS]
            came = pool.map(lambda token: _send_at_once(plan, token, net, trusted), direct)
            told = {token.token: each for token, each in zip(direct, came, strict=True)}
        logs = _wait_for_queues(directory, plan, study)
    for name, read in SENDER_LOGS.items():
        told |= read(logs[name])
    return World(plan, sender_tables(Dataset(study.data)), told, logs)


def _study(directory: Path, addresses: str) -> Study:
    directory.mkdir()
    settings = Settings(
        senders=SendersSection(
            domain=ZONE,
            addresses=(addresses,),
            who=(*SERVERS, *CLIENTS),
            conditions=CONDITIONS,
            smtp_port=25,
            smtps_port=465,
            https_port=443,
            reverse_names=False,
            connections_per_s=500.0,
            client_connections=100,
        )
    )
    (directory / "study.toml").write_text(study_toml(settings))
    return Study.open(directory)


@contextmanager
def _serving(study: Study, directory: Path) -> Iterator[None]:
    complaints = (directory / "receivers.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "mailcensus", "senders", "serve", str(study.directory)],
        stdout=subprocess.PIPE,
        stderr=complaints,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", (directory / "receivers.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(100)
        complaints.close()


def _message(plan: Plan, token: PlannedToken) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = f"{token.token}@{plan.returns_domain}", plan.recipient(token)
    message["Subject"] = "Experiment"
    message.set_content(f"Token {token.token} .\n")
    return message


def _hand_over(plan: Plan, token: PlannedToken, server: str) -> None:
    message = _message(plan, token)
    with smtplib.SMTP(server, PORT, timeout=60) as client:
        client.send_message(message)


def _wait_for_queues(directory: Path, plan: Plan, study: Study) -> dict[str, str]:
    """The logs, once every message of the mail servers is delivered, or its bounce has come; or patience ends."""
    paths = {
        "postfix": directory / "postfix" / "postfix.log",
        "exim": directory / "exim" / "mainlog",
        "opensmtpd": directory / "opensmtpd" / "opensmtpd.log",
    }
    queued = {t.token for t in plan.tokens if t.sender in SERVERS and t.condition != "implicit_tls"}
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        came = {row.token for row in sender_tables(Dataset(study.data)).matrix if row.verdict in ENDS}
        if queued <= came or time.monotonic() > give_up_at:
            return {name: path.read_text() for name, path in paths.items()}
        time.sleep(1.0)


def _send_at_once(plan: Plan, token: PlannedToken, net: Net, trusted: Path) -> Told:
    """Programs without a queue: they try once, and say how it went."""
    post = plan.post_of(token.condition)
    number = 10 + CLIENTS.index(token.sender)
    send = {"swaks": _swaks, "msmtp": _msmtp, "smtplib": _smtplib}[token.sender]
    encrypted = send(plan, token, post.ip, post.port, net.source(number), trusted)
    return Told(tries=1, encrypted=encrypted)


def _swaks(plan: Plan, token: PlannedToken, ip: str, port: int, source: str, trusted: Path) -> bool | None:
    """Takes TLS where it is offered, from anybody; goes on in the clear where it is not."""
    tls = "--tls-on-connect" if token.condition == "implicit_tls" else "--tls-optional"
    run = subprocess.run(
        [
            *(shutil.which("swaks") or "swaks", "--server", ip, "--port", str(port), tls, "--timeout", "5"),
            *("--ehlo", "mx.swaks.test", "--local-interface", source, "--body", f"Token {token.token} ."),
            *("--from", f"{token.token}@{plan.returns_domain}", "--to", plan.recipient(token)),
        ],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return "=== TLS started" in run.stdout if run.returncode == 0 else None


def _msmtp(plan: Plan, token: PlannedToken, ip: str, port: int, source: str, trusted: Path) -> bool | None:
    """Insists on TLS of a server whose certificate is for the name it connects to."""
    starttls = "off" if token.condition == "implicit_tls" else "on"
    host = plan.post_of(token.condition).host_name
    run = subprocess.run(
        [
            *(shutil.which("msmtp") or "msmtp", f"--host={host}", f"--port={port}", "--tls=on"),
            *(f"--tls-starttls={starttls}", f"--tls-trust-file={trusted}", f"--source-ip={source}"),
            *("--domain=mx.msmtp.test", f"--from={token.token}@{plan.returns_domain}", "--timeout=5"),
            *(f"--tls-host-override={host}", f"--host={ip}", plan.recipient(token)),
        ],
        input=_message(plan, token).as_string(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    return True if run.returncode == 0 else None


def _smtplib(plan: Plan, token: PlannedToken, ip: str, port: int, source: str, trusted: Path) -> bool | None:
    """As most scripts do: STARTTLS where it is offered, no certificate is looked at."""
    context = ssl._create_unverified_context()
    names = {"local_hostname": "mx.smtplib.test", "timeout": 5, "source_address": (source, 0)}
    try:
        if token.condition == "implicit_tls":
            with smtplib.SMTP_SSL(ip, port, context=context, **names) as client:
                client.send_message(_message(plan, token))
                return True
        with smtplib.SMTP(ip, port, **names) as client:
            client.ehlo()
            offered = client.has_extn("starttls")
            if offered:
                client.starttls(context=context)
            client.send_message(_message(plan, token))
            return offered
    except (smtplib.SMTPException, OSError):
        return None


def test_the_matrix_says_what_the_senders_own_logs_say(world: World) -> None:
    wrong = []
    for row in world.tables.matrix:
        told = world.told.get(row.token)
        if told is None:
            assert row.condition == "implicit_tls", row
            assert row.verdict == "not_sent"
            continue
        expected = told.verdict if row.attempts or told.verdict == "bounced" else "not_sent"
        if row.verdict != expected:
            wrong.append((row.sender, row.condition, row.verdict, told))
    assert not wrong
    assert {row.verdict for row in world.tables.matrix} >= {
        "delivered_encrypted",
        "delivered_clear",
        "bounced",
    }


def test_postfix_comes_as_often_as_it_says(world: World) -> None:
    for row in world.tables.matrix:
        if row.sender in ("postfix-encrypt", "postfix-verify", "postfix-secure") and row.attempts:
            per_try = 2 if row.condition == "mx_fallback" else 1
            assert row.attempts == per_try * world.told[row.token].tries, row
            assert len(row.gaps_s) == row.attempts - 1


def test_the_levels_of_postfix_do_what_they_promise(world: World) -> None:
    expected = {
        ("none", "valid"): "delivered_clear",
        ("may", "self_signed"): "delivered_encrypted",
        ("may", "starttls_garbage"): "delivered_clear",
        ("encrypt", "no_starttls"): "bounced",
        ("encrypt", "self_signed"): "delivered_encrypted",
        ("verify", "wrong_name"): "bounced",
        ("secure", "valid"): "delivered_encrypted",
        ("dane-only", "dane_match"): "delivered_encrypted",
        ("dane-only", "dane_mismatch"): "bounced",
        ("dane-only", "valid"): "bounced",
    }
    assert {at: world.row(f"postfix-{at[0]}", at[1]).verdict for at in expected} == expected


def test_falling_back_to_the_clear_and_to_another_mx_is_seen(world: World) -> None:
    assert world.row("postfix-may", "starttls_garbage").fell_back
    assert not world.row("postfix-none", "starttls_garbage").fell_back
    second = world.row("postfix-encrypt", "mx_fallback")
    assert (second.verdict, second.backup_used, second.fell_back) == ("delivered_encrypted", True, False)
    assert world.row("exim", "mx_fallback").fell_back


def test_senders_that_come_again_meet_the_change(world: World) -> None:
    expected = {"clear_then_tls": "delivered_encrypted", "key_changed": "delivered_encrypted"}
    expected["tls_then_clear"] = "delivered_clear"
    for condition, verdict in expected.items():
        rows = [world.row(sender, condition) for sender in ("postfix-may", "exim")]
        # On a busy machine a queue may have run out of patience.
        again = [row for row in rows if row.attempts > 1]
        assert again
        assert {row.verdict for row in again} == {verdict}


def test_senders_are_told_apart_by_their_hellos(world: World) -> None:
    able = {row.sender: row for row in world.tables.capabilities}
    assert able["postfix-none"].hellos == 0
    assert any("anon" in suite for suite in able["postfix-may"].weak_suites)
    assert able["postfix-dane-only"].sni_share == 1.0
    assert able["opensmtpd"].ja4 != able["exim"].ja4
    assert all(row.highest_version == "TLSv1.3" for row in able.values() if row.hellos)
    assert not world.tables.unmatched
