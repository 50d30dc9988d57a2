"""Synthetic studies for the report: hosts that show given keys, as records on disk."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from made_once import made_once
from mailcensus.analysis.analyse import analyse
from mailcensus.dataset.tables import Dataset
from mailcensus.model import (
    TABLES,
    Certificate,
    Grab,
    Hit,
    Key,
    Outcome,
    Run,
    Ssh,
    SshHostKey,
    Stage,
    Tls,
    TlsMode,
    schema_of,
)
from mailcensus.report import build_report
from mailcensus.study import Settings, Study

HOSTILE = (
    '"><script>document.title="owned"</script></script>'
    '<img src=x onerror=document.title="owned">\u202e\x1b[2J\u2028{{7*7}}'
)
FORMULA = "=cmd|'/C calc'!A0"
START = datetime(2026, 11, 3, 8, 0, tzinfo=UTC)
PORTS = {"ssh": 22, "smtp": 25, "pop3": 110, "imap": 143, "https": 443, "submission": 587, "imaps": 993}
GREETINGS = {
    "ssh": "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3",
    "smtp": "220 {name} ESMTP Postfix (Debian/GNU)",
    "pop3": "+OK Dovecot (Debian) ready.",
    "imap": "* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE STARTTLS] Dovecot ready.",
    "submission": "220 {name} ESMTP Postfix (Debian/GNU)",
    "imaps": "* OK Dovecot (Debian) ready.",
}


@dataclass(frozen=True)
class Host:
    """One host: its address, the key on each service, and what it says."""

    ip: str
    keys: Mapping[str, int]
    name: str = "mx.example"
    greeting: str | None = None


def spki(key: int) -> str:
    """The canonical key's name."""
    return hashlib.sha256(b"key %d" % key).hexdigest()


def leaf(key: int) -> str:
    """The certificate that a key is shown in."""
    return hashlib.sha256(b"certificate %d" % key).hexdigest()


def fingerprint(key: int) -> str:
    """The SSH fingerprint of a key."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(b"ssh %d" % key).digest()).decode().rstrip("=")


def study_in(folder: Path, name: str = "Ruritania, autumn 2026") -> Study:
    """A study with settings and no records."""
    who = {
        "name": name,
        "vantage": "lab-vantage-1",
        "ehlo_name": "census.example.org",
        "contact": "census@example.org",
        "opt_out": "https://census.example.org/opt-out",
    }
    population = {"prefixes": "prefixes.txt", "exclusions": ["exclusions.txt"]}
    return Study(folder, Settings.model_validate({"study": who, "population": population}))


def mixed_hosts(count: int, seed: int = 1) -> list[Host]:
    """A believable mixture: singles, clones, shared certificates, one hub of many, a few SSH keys used by TLS."""
    rng = random.Random(seed)
    hosts: list[Host] = []
    key = 0

    def add(keys: Mapping[str, int], name: str) -> None:
        number = len(hosts)
        hosts.append(Host(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", dict(keys), name))

    hub = count // 12
    for i in range(hub):  # a hosting default certificate; a few have other keys as well
        keys = dict.fromkeys(("smtp", "imap", "imaps", "pop3")[: rng.randint(1, 4)], 0)
        add({**keys, "ssh": 1_000_000 + i // rng.choice((1, 1, 1, 6))}, f"vps{i}.hosting.example")
    while len(hosts) < count:
        key += 10
        size = min(
            count - len(hosts), rng.choices((1, 2, 3, 4, 6, 9, 17, 40), (60, 30, 14, 8, 5, 3, 1, 0.4))[0]
        )
        kind = rng.random()
        for i in range(size):
            keys = {"ssh": key + (1 if kind < 0.6 else 1_000_000 * (i + 1))}
            for service in rng.sample(sorted(PORTS.keys() - {"ssh"}), rng.randint(1, 6)):
                keys[service] = key + 2 + (rng.random() < 0.15)
            if kind > 0.97:
                keys["ssh"] = keys[next(s for s in keys if s != "ssh")]
            add(keys, f"mx{i + 1}.domain{key}.example")
    return hosts


def study_of(folder: Path, hosts: Sequence[Host], name: str = "Ruritania, autumn 2026") -> Study:
    """A study on disk in which these hosts answered."""
    study = study_in(folder, name)
    names = {key: host.name for host in hosts for service, key in host.keys.items() if service != "ssh"}
    keys = {key for host in hosts for key in host.keys.values()}
    discover = dataclasses.replace(_RUN, asked=65_536, answered=len(hosts), excluded=256)
    collect = dataclasses.replace(
        _RUN,
        stage="collect",
        started_at=START + timedelta(hours=7),
        ended_at=START + timedelta(days=2),
        interruptions=1,
        asked=len(PORTS) * len(hosts),
        answered=sum(len(host.keys) for host in hosts),
        hello_profile="mailcensus-2026",
    )
    _write(study, "runs", [discover, collect])
    _write(study, "hits", [_hit(host) for host in hosts])
    _write(study, "grabs", [_grab(host, *service) for host in hosts for service in PORTS.items()])
    _write(study, "certificates", [_certificate(key, name) for key, name in sorted(names.items())])
    _write(study, "keys", [_key(key) for key in sorted(keys)])
    return study


def empty_study(folder: Path) -> Study:
    """A study in which nothing answered."""
    study = study_in(folder)
    _write(study, "runs", [dataclasses.replace(_RUN, asked=65_536, answered=0, excluded=256)])
    return study


def report_of(study: Study) -> Path:
    """The report of a study, from its records on disk."""
    dataset = Dataset(study.data)
    return build_report(study, analyse(dataset), dataset)


def mixed_report(factory: pytest.TempPathFactory) -> Path:
    """The folder of a report of 600 hosts: long tables, a large cluster, serious findings."""
    folder = made_once(factory, "mixed", lambda folder: report_of(study_of(folder, mixed_hosts(600))))
    return folder / "report"


def empty_report(factory: pytest.TempPathFactory) -> Path:
    """The first page of the report of a study in which nothing answered."""
    return made_once(factory, "empty", lambda folder: report_of(empty_study(folder))) / "report/index.html"


def strangers_report(factory: pytest.TempPathFactory) -> Path:
    """The folder of a report of 60 hosts that share keys and say HOSTILE and FORMULA, as their name or greeting."""

    def make(folder: Path) -> None:
        said = (HOSTILE, FORMULA)
        hosts = [
            Host(f"10.0.0.{i}", {"smtp": 1, "ssh": 2, "imap": 3 + i}, said[i % 2], said[1 - i % 2])
            for i in range(60)
        ]
        report_of(study_of(folder, hosts, name=HOSTILE))

    return made_once(factory, "strangers", make) / "report"


def _write(study: Study, table: str, rows: Sequence[Any]) -> None:
    schema = schema_of(TABLES[table])
    folder = study.data / table
    folder.mkdir(parents=True)
    records = pa.Table.from_pylist([dataclasses.asdict(row) for row in rows], schema=schema)
    pq.write_table(records, folder / "part-00000001-00000001.parquet")


_RUN = Run(
    run_id="20261103T080000Z", stage="discover", started_at=START, ended_at=START + timedelta(hours=7),
    vantage="lab-vantage-1", mailcensus_version="0.1.0", settings_json=Settings().model_dump_json(), hello_profile=None,
)  # fmt: skip


def _hit(host: Host) -> Hit:
    return Hit(run_id=_RUN.run_id, seen_at=START, ip=host.ip, port=25, engine="connect")


def _key(key: int) -> Key:
    return Key(spki_sha256=spki(key), algorithm="rsa", bits=2048, spki_der=b"")


def _grab(host: Host, service: str, port: int) -> Grab:
    key = host.keys.get(service)
    asked = Grab(
        run_id=_RUN.run_id,
        vantage=_RUN.vantage,
        started_at=START + timedelta(hours=8),
        duration_ms=12.5,
        ip=host.ip,
        port=port,
        service=service,
        protocol="smtp" if service == "submission" else service,
        tls_mode=TlsMode.NONE if service == "ssh" else TlsMode.STARTTLS,
        outcome=Outcome.REFUSED,
        stage=Stage.CONNECT,
        error="connection refused",
    )
    if key is None:
        return asked
    greeting = host.greeting or GREETINGS.get(service, "").format(name=host.name) or None
    ssh = Ssh(identification=greeting, host_keys=(_host_key(key),)) if service == "ssh" else None
    tls = None if service == "ssh" else _tls(key)
    answered = {"outcome": Outcome.OK, "stage": Stage.DONE, "error": None, "greeting": greeting}
    return dataclasses.replace(asked, ssh=ssh, tls=tls, **answered)  # type: ignore[arg-type]


def _host_key(key: int) -> SshHostKey:
    return SshHostKey(
        algorithm="ssh-rsa", fingerprint=fingerprint(key), spki_sha256=spki(key), bits=2048, verified=True
    )


def _tls(key: int) -> Tls:
    return Tls(
        version=0x0304,
        version_name="TLSv1.3",
        cipher_suite_name="TLS_AES_256_GCM_SHA384",
        chain=(leaf(key),),
        leaf_sha256=leaf(key),
        spki_sha256=spki(key),
        finished=True,
    )


def _certificate(key: int, name: str) -> Certificate:
    return Certificate(
        sha256=leaf(key),
        der=b"",
        spki_sha256=spki(key),
        subject=f"CN={name}",
        common_name=name,
        sans=(name, f"mail.{name}"),
        sans_count=2,
        not_before=START,
        not_after=START + timedelta(days=90),
    )
