"""A served lab, asked by clients that are not ours: what they see is the truth."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import imaplib
import poplib
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

from mailcensus.lab.ledger import Ledger
from mailcensus.lab.plan import Cause, HostPlan, Plan, TlsVersions
from mailcensus.lab.population import make_plan
from mailcensus.lab.running import running
from mailcensus.lab.servers import listening
from mailcensus.lab.truth import ServiceTruth
from mailcensus.model import Outcome
from mailcensus.study import StudyError
from places import own_block
from served_lab import Served

_TIMEOUT_S = 60.0


def context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def tls_of(sock: ssl.SSLSocket) -> tuple[str | None, str, str]:
    """Version, SHA-256 of the certificate and of its key."""
    der = sock.getpeercert(binary_form=True)
    assert der is not None
    public = x509.load_der_x509_certificate(der).public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sock.version(), hashlib.sha256(der).hexdigest(), hashlib.sha256(spki).hexdigest()


def the_truth(service: ServiceTruth) -> tuple[str | None, str, str | None]:
    assert service.chain is not None
    return service.tls_version, service.chain[0], service.spki_sha256


def addresses(served: Served, service: str, outcome: Outcome) -> list[str]:
    return [ip for ip, host in served.truth.hosts.items() if host.services[service].outcome is outcome]


def greeting(ip: str, port: int) -> str:
    with socket.create_connection((ip, port), timeout=_TIMEOUT_S) as sock:
        return sock.recv(1_024).decode().removesuffix("\r\n")


def auth_of(ehlo: smtplib.SMTP) -> tuple[str, ...]:
    """The mechanisms of the EHLO reply; a second AUTH line with an equals sign says the same again."""
    line = re.search(rb"^AUTH ([^\r\n]*)", ehlo.ehlo_resp or b"", re.MULTILINE)
    return tuple(line[1].decode().split()) if line else ()


@pytest.mark.parametrize("service", ["smtp", "submission"])
def test_smtplib_sees_the_truth_before_and_behind_starttls(served: Served, service: str) -> None:
    asked = [
        ip
        for ip in addresses(served, service, Outcome.OK)
        if served.truth.hosts[ip].services[service].attempts == 1
    ]
    assert asked
    for ip in asked:
        truth = served.truth.hosts[ip].services[service]
        assert greeting(ip, truth.port) == truth.greeting
        with smtplib.SMTP(ip, truth.port, timeout=_TIMEOUT_S) as smtp:
            smtp.ehlo("test.invalid")
            assert smtp.ehlo_resp is not None
            assert tuple(smtp.ehlo_resp.decode().split("\n")[1:]) == truth.capabilities_before
            assert auth_of(smtp) == truth.auth_before
            assert smtp.has_extn("starttls")
            smtp.starttls(context=context())
            assert isinstance(smtp.sock, ssl.SSLSocket)
            assert tls_of(smtp.sock) == the_truth(truth)
            smtp.ehlo("test.invalid")
            assert tuple(smtp.ehlo_resp.decode().split("\n")[1:]) == truth.capabilities_after
            assert auth_of(smtp) == truth.auth_after


def test_a_host_without_starttls_refuses_it(served: Served) -> None:
    for ip in addresses(served, "smtp", Outcome.NO_STARTTLS):
        with smtplib.SMTP(ip, served.truth.discovery_port, timeout=_TIMEOUT_S) as smtp:
            smtp.ehlo("test.invalid")
            assert not smtp.has_extn("starttls")
            assert smtp.docmd("STARTTLS")[0] == 502


def test_poplib_and_imaplib_see_the_truth_behind_starttls(served: Served) -> None:
    for ip in addresses(served, "pop3", Outcome.OK):
        truth = served.truth.hosts[ip].services["pop3"]
        pop = poplib.POP3(ip, truth.port, timeout=_TIMEOUT_S)
        assert pop.getwelcome().decode() == truth.greeting
        assert "STLS" in pop.capa()
        pop.stls(context())
        assert tls_of(pop.sock) == the_truth(truth)  # type: ignore[arg-type]
        said = pop.capa()
        ways = (*said.get("SASL", ()), *(["USER"] if "USER" in said else []))
        timestamp = ("APOP",) if b"<" in pop.getwelcome() else ()
        assert (*ways, *timestamp) == truth.auth_after
        pop.quit()
    for ip in addresses(served, "imap", Outcome.OK):
        truth = served.truth.hosts[ip].services["imap"]
        with imaplib.IMAP4(ip, truth.port, timeout=_TIMEOUT_S) as imap:
            assert truth.capabilities_before is not None
            assert imap.capabilities == tuple(word.upper() for word in truth.capabilities_before)
            imap.starttls(context())
            assert tls_of(imap.sock) == the_truth(truth)  # type: ignore[arg-type]
            assert truth.capabilities_after is not None
            assert imap.capabilities == tuple(word.upper() for word in truth.capabilities_after)


@pytest.mark.parametrize("service", ["https", "smtps", "imaps", "pop3s"])
def test_ssl_sees_the_truth_where_tls_comes_first(served: Served, service: str) -> None:
    asked = addresses(served, service, Outcome.OK)
    assert asked
    for ip in asked:
        truth = served.truth.hosts[ip].services[service]
        with (
            socket.create_connection((ip, truth.port), timeout=_TIMEOUT_S) as plain,
            context().wrap_socket(plain) as sock,
        ):
            assert tls_of(sock) == the_truth(truth)
            if service == "https":
                sock.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert sock.recv(9) == b"HTTP/1.1 "
            else:
                assert truth.greeting is not None
                assert sock.recv(1_024).decode() == truth.greeting + "\r\n"


def test_ssh_keyscan_verifies_every_host_key_and_sees_the_truth(served: Served) -> None:
    if shutil.which("ssh-keyscan") is None:
        pytest.skip("ssh-keyscan is not installed")
    asked = addresses(served, "ssh", Outcome.OK)
    port = served.plan.port_offset + 22
    done = subprocess.run(
        ["ssh-keyscan", "-T", "5", "-p", str(port), "-t", "rsa,ecdsa,ed25519", *asked],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    seen = {}
    for line in done.stdout.splitlines():
        if line.startswith("#"):  # OpenSSH 10 says here who answered
            continue
        where, algorithm, blob = line.split()
        key = load_ssh_public_key(f"{algorithm} {blob}".encode())
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        seen[where.strip("[]").split("]")[0]] = hashlib.sha256(spki).hexdigest()
    assert seen == {ip: served.truth.hosts[ip].services["ssh"].spki_sha256 for ip in asked}


def test_openssl_sees_the_whole_chain_and_it_verifies(served: Served) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    ip, truth = next(
        (ip, truth)
        for ip, host in served.truth.hosts.items()
        if len((truth := host.services["smtp"]).chain or ()) == 2 and truth.attempts == 1
    )
    done = subprocess.run(
        ["openssl", "s_client", "-starttls", "smtp", "-showcerts", "-connect", f"{ip}:{truth.port}"],
        input=b"QUIT\r\n",
        capture_output=True,
        timeout=30,
        check=False,
    )
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END", done.stdout, re.DOTALL)
    ders = [base64.b64decode(block) for block in blocks]
    assert tuple(hashlib.sha256(der).hexdigest() for der in ders) == truth.chain
    leaf, issuer = (x509.load_der_x509_certificate(der) for der in ders)
    leaf.verify_directly_issued_by(issuer)


def test_dead_ports_refuse_and_mute_ports_do_not_answer(served: Served) -> None:
    dead = next(
        (ip, service.port)
        for ip, host in served.truth.hosts.items()
        for service in host.services.values()
        if service.outcome is Outcome.REFUSED
    )
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(dead, timeout=_TIMEOUT_S)
    mute = next(host for host in served.plan.hosts if host.cause is Cause.MUTE)
    with pytest.raises(TimeoutError):
        socket.create_connection((mute.ip, mute.services[0].port), timeout=0.5)


def _limited_hosts(served: Served) -> list[HostPlan]:
    return [host for host in served.plan.hosts if host.cause is Cause.RATE_LIMITED]


def test_who_waits_for_a_rate_limited_greeting_hears_421_once_and_who_only_knocks_is_not_counted(
    served: Served,
) -> None:
    hosts = _limited_hosts(served)
    assert hosts
    for host in hosts:
        where = (host.ip, served.truth.discovery_port)
        for _ in range(3):
            socket.create_connection(where, timeout=_TIMEOUT_S).close()
        served.visits(lambda v, where=where: (v.ip, v.port) == where, 3)  # type: ignore[misc]
        codes = []
        for _ in range(3):
            with socket.create_connection(where, timeout=_TIMEOUT_S) as sock:
                codes.append(sock.recv(1_024)[:3])
        assert codes == [b"421", b"220", b"220"]


def test_the_ledger_says_what_was_asked_and_how_it_ended(served: Served) -> None:
    ip = next(ip for ip in addresses(served, "submission", Outcome.OK) if served.plan.hosts[0].ip != ip)
    port = served.plan.port_offset + 587
    name = "polite.census.invalid"
    with socket.create_connection((ip, port), timeout=_TIMEOUT_S) as plain:
        stream = plain.makefile("rb")
        stream.readline()
        plain.sendall(f"EHLO {name}\r\n".encode())
        while not stream.readline().startswith(b"250 "):
            pass
        plain.sendall(b"STARTTLS\r\n")
        stream.readline()
        with context().wrap_socket(plain) as sock:
            sock.sendall(b"QUIT\r\n")
            assert sock.recv(100).startswith(b"221")
            sock.unwrap().close()
    (visit,) = served.visits(lambda v: f"EHLO {name}" in v.heard, 1)
    assert visit.heard == [f"EHLO {name}", "STARTTLS", "QUIT"]
    assert (visit.ip, visit.port, visit.service) == (ip, port, "submission")
    assert (visit.starttls, visit.farewell, visit.close_notify, visit.end) == (True, True, True, "fin")
    assert (visit.early, visit.open_on_address) == (False, 1)


def test_who_speaks_out_of_turn_is_noted(served: Served) -> None:
    ip = addresses(served, "submission", Outcome.OK)[0]
    with socket.create_connection((ip, served.plan.port_offset + 587), timeout=_TIMEOUT_S) as sock:
        sock.recv(1_024)
        sock.sendall(b"EHLO pipelined.invalid\r\nQUIT\r\n")
        while sock.recv(1_024):
            pass
    (visit,) = served.visits(lambda v: "EHLO pipelined.invalid" in v.heard, 1)
    assert visit.early


def test_connections_open_at_once_on_one_address_are_counted(served: Served) -> None:
    ip = addresses(served, "submission", Outcome.OK)[0]
    where = (ip, served.plan.port_offset + 587)
    with (
        socket.create_connection(where, timeout=_TIMEOUT_S) as one,
        socket.create_connection(where, timeout=_TIMEOUT_S) as two,
    ):
        assert one.recv(10)
        assert two.recv(10)
        two.sendall(b"EHLO second.invalid\r\n")
        assert two.recv(10)
    (visit,) = served.visits(lambda v: "EHLO second.invalid" in v.heard, 1)
    assert visit.open_on_address >= 2


def test_who_has_left_is_not_open_though_the_lab_has_not_noticed_yet() -> None:
    async def scenario() -> list[int]:
        plan, ledger = make_plan(seed=1, size=4, block=own_block(9)), Ledger()
        ports = {service.port for service in plan.hosts[0].services if not service.mute}
        async with listening(plan, ledger):
            for (
                port
            ) in ports:  # nothing of it is noticed before all is over: the lab's loop is busy with this
                socket.create_connection((plan.hosts[0].ip, port)).close()
            while len(ledger.visits) < len(ports):
                await asyncio.sleep(0.01)
        return [visit.open_on_address for visit in ledger.visits]

    counts = uvloop.run(scenario())
    assert len(counts) > 2
    assert set(counts) == {1}


def test_many_visitors_at_once_are_all_served(served: Served) -> None:
    ip = addresses(served, "submission", Outcome.OK)[0]

    def visit(_: int) -> bytes:
        with smtplib.SMTP(ip, served.plan.port_offset + 587, timeout=_TIMEOUT_S) as smtp:
            smtp.starttls(context=context())
            return smtp.ehlo("many.invalid")[1]

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(visit, range(64)))) == 1


@pytest.mark.parametrize("versions", list(TlsVersions))
def test_a_service_accepts_the_versions_of_its_plan_and_no_other(
    served: Served, versions: TlsVersions
) -> None:
    ip, service = next(
        (host.ip, service)
        for host in served.plan.hosts
        for service in host.services
        if service.name in ("https", "imaps") and service.tls_versions is versions
    )
    accepted = {
        version: _handshake(ip, service.port, version)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    }
    assert accepted == {
        ssl.TLSVersion.TLSv1_2: versions is not TlsVersions.TLS13,
        ssl.TLSVersion.TLSv1_3: versions is not TlsVersions.TLS12,
    }


def _handshake(ip: str, port: int, version: ssl.TLSVersion) -> bool:
    only = context()
    only.minimum_version = only.maximum_version = version
    with socket.create_connection((ip, port), timeout=_TIMEOUT_S) as plain:
        try:
            only.wrap_socket(plain).close()
        except ssl.SSLError:
            return False
    return True


@pytest.mark.slow
def test_a_second_lab_at_the_same_place_says_so_in_one_line(served: Served) -> None:
    with pytest.raises(StudyError, match=r"cannot listen on 127\..*another lab"), running(served.plan):
        pass


@pytest.mark.slow
def test_a_lab_stops_on_sigterm_and_its_ports_are_free_again(tmp_path: Path) -> None:
    plan: Plan = make_plan(seed=2, size=5, block=own_block(1))
    for _ in range(2):
        with running(plan, ledger_path=tmp_path / "ledger.jsonl"):
            where = next((host.ip, host.services[0].port) for host in plan.hosts if host.services)
            socket.create_connection(where, timeout=_TIMEOUT_S).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where, timeout=_TIMEOUT_S)
