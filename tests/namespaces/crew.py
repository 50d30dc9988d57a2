"""One study at an office and its vantages, in the namespaces of a star: the hosts that they ask, and their commands."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mailcensus.dataset.tables import Dataset
from mailcensus.lab.ledger import Visit, read_ledger
from mailcensus.lab.plan import Plan
from mailcensus.lab.verdict import study_toml
from namespaces.star import Star
from torture.scene import FLUSH_S

Row = dict[str, Any]


@dataclass
class Hosts:
    """A lab in the middle.

    Attributes:
        began_s: when its clock began, by ours.
    """

    plan: Plan
    ledger: Path
    began_s: float

    def visits(self, here: Star) -> list[Visit]:
        """What office and vantages asked."""
        machines = {here.address(number) for number in range(here.vantages + 1)}
        return [visit for visit in read_ledger(self.ledger) if peer_of(visit) in machines]


def peer_of(visit: Visit) -> str:
    return visit.peer.rpartition(":")[0]


@contextmanager
def hosts(here: Star, directory: Path, plan: Plan) -> Iterator[Hosts]:
    """A lab with a log of its own; a host that says 421 at first does so again."""
    directory.mkdir()
    (directory / "plan.json").write_text(plan.to_json())
    ledger = directory / "asked.jsonl"
    serve = ("-m", "mailcensus.lab.serve", "--plan", str(directory / "plan.json"), "--ledger", str(ledger))
    first = ("nice", "-n", "-15", sys.executable)  # it says when it was asked, so it goes before all others
    with subprocess.Popen(
        here.command_in_the_middle(*first, *serve), stdout=subprocess.PIPE, text=True
    ) as lab:
        try:
            assert lab.stdout is not None
            assert lab.stdout.readline() == "ready\n"
            yield Hosts(plan, ledger, _began_s(here, plan, ledger))
        finally:
            lab.terminate()


def _began_s(here: Star, plan: Plan, ledger: Path) -> float:
    """Both clocks are the kernel's monotonic one, so one visit tells."""
    service = next((h.ip, s.port) for h in plan.hosts for s in h.services if not s.mute)
    visit = (
        "import socket, time; at = time.monotonic(); "
        f"print(at, '{{}}:{{}}'.format(*socket.create_connection({service!r}).getsockname()))"
    )
    said = subprocess.run(here.in_the_middle("-c", visit), capture_output=True, text=True, check=True)
    at_s, name = said.stdout.split()
    while not (mine := [one for one in read_ledger(ledger) if one.peer == name]):
        time.sleep(0.02)
    return float(at_s) - mine[0].opened_s


def study(directory: Path, plan: Plan, changes: Sequence[tuple[str, str]]) -> Path:
    """A study of these hosts, with text in its study.toml replaced."""
    directory.mkdir()
    text = study_toml(plan, directory)
    for old, new in (("[collect]\n", f"[collect]\nflush_s = {FLUSH_S}\n"), *changes):
        assert old in text
        text = text.replace(old, new, 1)
    (directory / "study.toml").write_text(text)
    return directory


def tls_options(directory: Path) -> list[str]:
    """An authority and a certificate that office and vantages share."""
    now = datetime.now(UTC)
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    for name, key in (("authority", authority), ("certificate", own)):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).serial_number(len(name))
        builder = builder.public_key(key.public_key()).not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=1)).add_extension(
            x509.BasicConstraints(ca=name == "authority", path_length=None), critical=True
        )
        signed = builder.sign(authority, hashes.SHA256())
        (directory / f"{name}.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    secret = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "key.pem").write_bytes(secret)
    return [
        word
        for name in ("authority", "certificate", "key")
        for word in (f"--tls-{name}", str(directory / f"{name}.pem"))
    ]


def rows(directory: Path, table: str) -> list[Row]:
    found: list[Row] = Dataset(directory / "data").table(table).to_pyarrow().to_pylist()
    return found


def join(here: Star, number: int, tls: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    words = ("vantages", "join", f"{here.address(0)}:8786", "--name", f"v{number}")
    listen = ("--listen", f"{here.address(number)}:0")
    with log.open("ab") as to:
        return subprocess.Popen(here.mailcensus(number, *words, *listen, *tls), stdout=to, stderr=to)


@contextmanager
def office_and_crew(
    here: Star, directory: Path, pieces: int, tls: Sequence[str], log: Path
) -> Iterator[tuple[subprocess.Popen[str], dict[int, subprocess.Popen[bytes]]]]:
    """The office of a study and all vantages, by number; whoever is there at the end is killed."""
    listen = ("--listen", f"{here.address(0)}:8786", "--pieces", str(pieces), "--quiet")
    words = here.mailcensus(0, "vantages", "collect", str(directory), *listen, *tls)
    crew: dict[int, subprocess.Popen[bytes]] = {}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as office:
        try:
            assert office.stdout is not None
            assert office.stdout.readline() == f"tls://{here.address(0)}:8786\n"
            crew |= {number: join(here, number, tls, log) for number in range(1, here.vantages + 1)}
            yield office, crew
        finally:
            for process in (office, *crew.values()):
                process.kill()
                process.wait()
