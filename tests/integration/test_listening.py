"""A lab study captured while it runs: what a grab says and what its capture says, and what tshark says of the same."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heard_captures import hear
from mailcensus.dataset.tables import Dataset
from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from mailcensus.lab.running import running
from mailcensus.lab.verdict import study_toml
from mailcensus.passive.listening import services_by_port
from mailcensus.study import Study
from places import own_block

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

Row = dict[str, Any]

HOSTS = 40
HIDDEN_BY_TLS_13 = {
    "chain", "leaf_sha256", "spki_sha256", "alpn", "extensions", "signature_scheme", "signature_scheme_name",
    "signature_verified", "client_cert_requested", "ocsp_stapled", "ocsp_status", "sct_count", "session_ticket",
    "heartbeat", "record_bytes",
}  # fmt: skip
"""All that stands behind the ServerHello of TLS 1.3."""
OUR_OWN = {"unfinished_reason"}
"""Why *we* did not finish a handshake: a capture knows only that nobody did."""
BEFORE_TLS = ("greeting", "capabilities_before", "auth_before", "starttls_offered", "starttls_accepted")


@dataclass
class Captured:
    """A study of a lab and the capture of it."""

    study: Path
    capture: Path
    grabs: list[Row]
    flows: list[Row]


@contextmanager
def capturing(path: Path, expression: str) -> Iterator[None]:
    """tcpdump on loopback, from when it listens until all is written."""
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not installed")
    process = subprocess.Popen(
        # It goes before all others: what the kernel keeps for it overflows otherwise.
        ["nice", "-n", "-15", "tcpdump", "-i", "lo", "-U", "-B", "65536", "-w", str(path), expression],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "listening on" not in process.stderr.readline():
        assert process.poll() is None
    try:
        yield
    finally:
        size = -1
        while size != (size := path.stat().st_size):  # the kernel's buffer is read in its own time
            time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        words = process.communicate(timeout=100)[1]
        assert re.search(r"^0 packets dropped by kernel", words, re.MULTILINE), words


def command(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mailcensus", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def study_at(directory: Path, plan: Plan) -> Path:
    directory.mkdir()
    (directory / "study.toml").write_text(study_toml(plan, directory))
    return directory


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Captured:
    directory = tmp_path_factory.mktemp("listening")
    plan = make_plan(seed=11, size=HOSTS, block=own_block(7))
    study, capture = study_at(directory / "study", plan), directory / "lab.pcap"
    with running(plan), capturing(capture, f"tcp and net {plan.block}"):
        command("discover", study, "--quiet")
        command("collect", study, "--quiet")
    command("passive", study, capture, "--clients", "keep")
    tables = Dataset(study / "data")
    return Captured(
        study, capture, *(tables.table(name).to_pyarrow().to_pylist() for name in ("grabs", "flows"))
    )


def pairs(captured: Captured) -> Iterator[tuple[Row, Row]]:
    """Each grab that said something and its own flow: the first that began behind it. One address is asked one
    thing at a time."""
    for grab in captured.grabs:
        if grab["bytes_in"] == 0:
            continue
        behind = [
            flow
            for flow in captured.flows
            if (flow["ip"], flow["port"]) == (grab["ip"], grab["port"])
            and flow["started_at"] >= grab["started_at"]
        ]
        if behind:
            yield grab, min(behind, key=lambda flow: flow["started_at"])


def test_every_grab_has_its_flow(captured: Captured) -> None:
    said = [grab for grab in captured.grabs if grab["bytes_in"]]
    assert len(said) > 100
    found = {id(grab) for grab, _ in pairs(captured)}
    missing = [grab for grab in said if id(grab) not in found]
    # Lab hosts that answer with what is no protocol leave nothing to record.
    assert all(grab["outcome"] in ("protocol_error", "tls_error", "limit", "closed") for grab in missing), [
        (grab["service"], grab["outcome"], grab["error"]) for grab in missing
    ]


def test_what_was_said_before_tls_is_the_same(captured: Captured) -> None:
    compared = 0
    for grab, flow in pairs(captured):
        if grab["tls_mode"] != "starttls" or grab["protocol"] == "irc":  # greetings of IRC are not kept
            continue
        for name in BEFORE_TLS:
            assert flow[name] == grab[name], (grab["service"], name)
        compared += 1
    assert compared > 30


def test_the_handshake_is_the_same_but_for_what_tls_13_hides(captured: Captured) -> None:
    compared: Counter[str] = Counter()
    for grab, flow in pairs(captured):
        if grab["tls"] is None:
            continue
        hidden = OUR_OWN | (HIDDEN_BY_TLS_13 if grab["tls"]["version"] == 0x0304 else set())
        ours, heard = (
            {name: value for name, value in row["tls"].items() if name not in hidden} for row in (grab, flow)
        )
        assert heard == ours, grab["service"]
        compared[grab["tls"]["version_name"]] += 1
    assert compared["TLSv1.2"] > 10
    assert compared["TLSv1.3"] > 10


def test_ssh_is_the_same_but_for_the_proof(captured: Captured) -> None:
    compared = 0
    for grab, flow in pairs(captured):
        if grab["ssh"] is None:
            continue
        ours, heard = dict(grab["ssh"]), dict(flow["ssh"])
        for row in (ours, heard):
            row["host_keys"] = [{**key, "verified": None} for key in row["host_keys"] or []]
        assert heard == ours
        compared += 1
    assert compared > 5


def test_nothing_of_the_capture_was_lost(captured: Captured) -> None:
    (source,) = Dataset(captured.study / "data").table("flow_sources").to_pyarrow().to_pylist()
    assert source["error"] is None
    assert source["records"] > 1_000
    assert {flow["cut"] for flow in captured.flows} <= {None}


def tshark(
    capture: Path, wanted: str, fields: list[str], *, decode: list[str] | None = None
) -> list[list[str]]:
    """Rows of fields; a field that occurs more than once is comma-separated."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    words = [word for field in fields for word in ("-e", field)]
    decoding = [word for rule in decode or [] for word in ("-d", rule)]
    done = subprocess.run(
        ["tshark", "-n", "-r", str(capture), "-o", "tcp.reassemble_out_of_order:TRUE", *decoding, "-Y", wanted,
         "-T", "fields", *words], capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return [line.split("\t") for line in done.stdout.splitlines()]


def handshakes(capture: Path, decode: list[str] | None = None) -> Counter[tuple[int, int, int]]:
    """What tshark says servers chose: port, suite, version.

    A HelloRetryRequest is a ServerHello to tshark; ours is the one that follows, or none. The SERVER-HELLO of SSL 2.0
    has a list of ciphers and chooses none.
    """
    fields = ["tcp.srcport", "tls.handshake.ciphersuite", "tls.handshake.version",
              "tls.handshake.extensions.supported_version", "tls.handshake.random"]  # fmt: skip
    chosen: Counter[tuple[int, int, int]] = Counter()
    for port, suite, version, supported, random in tshark(
        capture, "tcp && tls.handshake.type == 2", fields, decode=decode
    ):
        if suite and not random.startswith("cf21ad74e59a6111"):
            chosen[int(port), int(suite, 16), int(supported or version, 16)] += 1
    return chosen


def test_tshark_counts_the_same_in_captures_of_others(shared_data: Path) -> None:
    found = 0
    for capture in sorted(
        [*shared_data.glob("zeek/Traces/**/*.pcap"), *shared_data.glob("pcap-other/**/*.pcap")]
    ):
        flows = hear(capture, any_port=True).flows
        ours = Counter(
            (flow.port, flow.tls.cipher_suite, flow.tls.version)
            for flow in flows
            if flow.tls and flow.tls.cipher_suite is not None
        )
        assert ours == handshakes(capture), capture.name
        found += ours.total()
    assert found > 25


def test_tshark_counts_the_same_handshakes_suites_and_versions(captured: Captured) -> None:
    services = services_by_port(Study.open(captured.study))
    names = {
        "smtp": "smtp",
        "lmtp": "smtp",
        "pop3": "pop",
        "imap": "imap",
        "xmpp": "xmpp",
        "irc": "irc",
        "ssh": "ssh",
    }
    decode = [
        f"tcp.port=={port},{'tls' if service.tls_mode == 'implicit' else names[service.protocol]}"
        for port, service in services.items()
        if service.tls_mode == "implicit" or service.protocol in names
    ]
    theirs = handshakes(captured.capture, decode)
    spoken = {int(rule.split("==")[1].split(",")[0]) for rule in decode}
    ours = Counter(
        (flow["port"], flow["tls"]["cipher_suite"], flow["tls"]["version"])
        for flow in captured.flows
        if flow["tls"] and flow["tls"]["version"] and flow["port"] in spoken
    )
    assert ours == theirs
    assert sum(ours.values()) > 60


def test_tshark_reads_the_same_hellos_of_clients(captured: Captured) -> None:
    services = services_by_port(Study.open(captured.study))
    ports = [port for port, service in services.items() if service.tls_mode == "implicit"]
    fields = ["tcp.dstport", "tls.handshake.ja3"]
    theirs = Counter(
        (int(port), ja3)
        for port, ja3 in tshark(
            captured.capture,
            "tls.handshake.type == 1",
            fields,
            decode=[f"tcp.port=={port},tls" for port in ports],
        )
        if int(port) in ports
    )
    ours = Counter(
        (flow["port"], flow["client_hello"]["ja3"])
        for flow in captured.flows
        if flow["client_hello"] and flow["port"] in ports
    )
    retried = sum(bool(flow["tls"] and flow["tls"]["hello_retry"]) for flow in captured.flows)
    assert set(ours) == set(theirs)
    assert sum((theirs - ours).values()) <= retried


def test_an_interface_is_listened_to_until_interrupted(tmp_path: Path) -> None:
    if shutil.which("dumpcap") is None and shutil.which("tcpdump") is None:
        pytest.skip("neither dumpcap nor tcpdump is installed")
    command("init", tmp_path / "study")
    with socket.create_server((own_block(8).replace(".0/24", ".25"), 0)) as server:
        ip, port = server.getsockname()[:2]
        settings = tmp_path / "study" / "study.toml"
        settings.write_text(settings.read_text().replace("\n[ports]\n", f"\n[ports]\nsmtp = {port}\n"))
        listening = subprocess.Popen(
            [sys.executable, "-m", "mailcensus", "passive", str(tmp_path / "study"), "--interface", "lo"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        until = time.monotonic() + 120
        while not any(takes_packets(child) for child in children_of(listening.pid)):
            assert listening.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(1.0)  # from its socket to its first look
        for _ in range(3):
            with socket.create_connection((ip, port)) as client, server.accept()[0] as peer:
                peer.sendall(b"220 mx.example ESMTP\r\n")
                client.recv(100)
                client.sendall(b"EHLO c\r\n")
                peer.recv(100)
                peer.sendall(b"250-mx.example\r\n250 STARTTLS\r\n")
                client.recv(100)
                client.sendall(b"QUIT\r\n")
                peer.recv(100)
        time.sleep(3.0)  # it tells nobody what it has seen so far
        listening.send_signal(signal.SIGINT)
        words = listening.communicate(timeout=100)[1]
    assert listening.returncode == 0, words
    flows = Dataset(tmp_path / "study" / "data").table("flows").to_pyarrow().to_pylist()
    assert [
        (flow["source"], flow["greeting"], flow["starttls_offered"], flow["upgraded"]) for flow in flows
    ] == [("lo", "220 mx.example ESMTP", True, False)] * 3
    assert "3 flows" in words


def takes_packets(pid: int) -> bool:
    """Whether a process has a socket for packets, as those who capture have."""
    taken = {line.split()[-1] for line in Path("/proc/net/packet").read_text().splitlines()[1:]}
    try:
        open_files = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return False  # it has ended
    return not open_files.isdisjoint(f"socket:[{inode}]" for inode in taken)


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    children = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = re.fullmatch(r"\d+ \(.*\) . (\d+) .*", (entry / "stat").read_text(), re.DOTALL)
            except OSError:
                continue
            if parent is not None and int(parent[1]) == pid:
                children.append(int(entry.name))
    return children


def test_a_killed_run_leaves_nothing_behind_the_next_one(captured: Captured, tmp_path: Path) -> None:
    study = tmp_path / "study"
    command("init", study)
    shutil.copy(captured.study / "study.toml", study / "study.toml")
    for wait_s in (0.9, 1.3):
        process = subprocess.Popen(
            [sys.executable, "-m", "mailcensus", "passive", str(study), str(captured.capture), "--quiet"],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(wait_s)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    command("passive", study, captured.capture)
    flows = Dataset(study / "data").table("flows").to_pyarrow().to_pylist()
    assert len(flows) == len(captured.flows)
    assert not (study / "data" / "passive.json").exists()
