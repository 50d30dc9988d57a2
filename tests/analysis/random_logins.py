"""A random population of mail servers with ways to log in, software, ASes and TLS of all ages, as a dataset."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import (
    Certificate,
    Chain,
    ChainError,
    ChainStatus,
    Enumeration,
    Followup,
    Grab,
    Host,
    Key,
    Outcome,
    Ssh,
    Stage,
    Tls,
    TlsMode,
)
from mailcensus.wire.services import SERVICE_BY_NAME, Service
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES

RUN, OLD_RUN = "2026-11-22T01-02-03Z-0000", "2025-11-22T01-02-03Z-0000"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SERVICES = ("smtp", "submission", "imap", "imaps", "pop3", "https", "ssh", "xmpp-client")
AUTH: tuple[tuple[str, ...] | None, ...] = (
    *(
        None,
        (),
        ("PLAIN", "LOGIN"),
        ("PLAIN", "LOGIN"),
        ("LOGIN", "PLAIN"),
        ("PLAIN",),
        ("CRAM-MD5", "PLAIN"),
    ),
    *(("PLAIN", "CRAM-MD5", "X-OWN"), ("plain", "Scram-Sha-1"), ("USER", "APOP"), ("EXTERNAL",)),
)
VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1.0", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
OLD_SUITES = (0xC02F, 0x009E, 0x002F, 0x0005, 0x000A, 0x0003)
KEX = (
    ("sntrup761x25519-sha512@openssh.com", "curve25519-sha256"),
    ("mlkem768x25519-sha256", "curve25519-sha256", "diffie-hellman-group1-sha1"),
    ("diffie-hellman-group14-sha1", "curve25519-sha256", "kex-strict-s-v00@openssh.com"),
)
SOFTWARE = (("Postfix", None), ("Exim", "4.80"), ("Exim", "4.98"), (None, None))


def named(text: str) -> str:
    """The hash that stands for something of this name."""
    return sha256(text.encode()).hexdigest()


def write(data: Path, seed: int, *, hosts: int = 150) -> None:
    """Grabs with retries and an older run among them, follow-ups, enumerations, certificates, verdicts, hosts."""
    random = Random(seed)
    leaves = [f"leaf {number}" for number in range(hosts // 2)]
    ips = [f"10.0.{number // 100}.{number % 100 + 1}" for number in range(hosts)]
    grabs = [
        grab
        for ip in ips
        for software in [random.choice(SOFTWARE)]
        for service in SERVICES
        if random.random() < 0.6
        for grab in _grabs(random, ip, SERVICE_BY_NAME[service], software, leaves)
    ]
    PartWriter(data, "grabs", Grab).write(grabs)
    PartWriter(data, "followups", Followup).write(list(_followups(random, grabs)))
    PartWriter(data, "enumerations", Enumeration).write(list(_enumerations(random, grabs)))
    PartWriter(data, "certificates", Certificate).write([_certificate(random, leaf) for leaf in leaves])
    PartWriter(data, "keys", Key).write(
        [Key(spki_sha256=named(f"key {leaf}"), algorithm="rsa", bits=2048, spki_der=b"") for leaf in leaves]
    )
    PartWriter(data, "chains", Chain).write(
        [_judged(random, leaf) for leaf in leaves if random.random() < 0.8]
    )
    PartWriter(data, "hosts", Host).write(
        [
            Host(run_id=RUN, ip=ip, looked_up_at=NOW, asn=asn, as_org=asn and f"Network {asn}")
            for ip in ips
            for asn in [random.choice([None, *range(64496, 64506)])]
        ]
    )


def _grabs(
    random: Random, ip: str, row: Service, software: tuple[str | None, str | None], leaves: list[str]
) -> list[Grab]:
    runs = [(OLD_RUN, 1)] * (random.random() < 0.1) + [(RUN, 1)] + [(RUN, 2)] * (random.random() < 0.1)
    return [_grab(random, ip, row, software, leaves, run, attempt) for run, attempt in runs]


def _grab(
    random: Random, ip: str, row: Service, software: tuple[str | None, str | None], leaves: list[str],
    run: str, attempt: int,
) -> Grab:  # fmt: skip
    common: dict[str, Any] = {
        "run_id": run, "vantage": "t", "duration_ms": 1.0, "ip": ip, "port": row.port, "service": row.name,
        "started_at": NOW, "protocol": row.protocol, "tls_mode": row.tls_mode, "attempt": attempt,
    }  # fmt: skip
    if random.random() < 0.1:
        return Grab(**common, outcome=Outcome.REFUSED, stage=Stage.CONNECT)
    product, version = software
    common |= {"software": product, "software_version": version}
    if row.protocol == "ssh":
        return Grab(**common, outcome=Outcome.OK, stage=Stage.DONE, ssh=_ssh(random))
    text = row.protocol in ("smtp", "imap", "pop3", "xmpp")
    if row.tls_mode is TlsMode.STARTTLS:
        common |= _capabilities(random, row, "before") if text else {}
        common["starttls_offered"] = (
            random.choice([True, True, True, False]) if "auth_before" in common else None
        )
        if not common["starttls_offered"]:
            unknown = common["starttls_offered"] is None
            outcome = Outcome.TIMEOUT if unknown else Outcome.NO_STARTTLS
            return Grab(**common, outcome=outcome, stage=Stage.CAPABILITIES)
    if random.random() < 0.1:
        return Grab(**common, outcome=Outcome.TLS_ALERT, stage=Stage.TLS)
    common |= _capabilities(random, row, "after") if text else {}
    return Grab(**common, outcome=Outcome.OK, stage=Stage.DONE, tls=_tls(random, leaves))


def _capabilities(random: Random, row: Service, side: str) -> dict[str, Any]:
    auth = random.choice(AUTH)
    if auth is None:
        return {}
    said = tuple(f"AUTH={name}" for name in auth)
    said += ("LoginDisabled",) if random.random() < 0.4 else ("XLOGINDISABLED", "IDLE")
    return {f"auth_{side}": auth, f"capabilities_{side}": said}


def _tls(random: Random, leaves: list[str]) -> Tls:
    version = random.choice([0x0300, 0x0301, 0x0303, 0x0303, 0x0303, 0x0304, 0x0304])
    suite = 0x1302 if version == 0x0304 else random.choice(OLD_SUITES)
    leaf = random.choice(leaves)
    shown = random.random() < 0.9
    return Tls(
        version=version, version_name=VERSIONS[version], cipher_suite=suite,
        group=random.choice([29, 0x11EC, 0x6399, None]) if version == 0x0304 else 23,
        hello_retry=random.choice([True, False]) if version == 0x0304 else None,
        chain=(named(leaf),) if shown else None, leaf_sha256=named(leaf) if shown else None,
        spki_sha256=named(f"key {leaf}") if shown else None, finished=True,
        signature_verified=None if random.random() < 0.9 else random.choice([True, False]),
    )  # fmt: skip


def _ssh(random: Random) -> Ssh:
    if random.random() < 0.1:
        return Ssh(identification="SSH-1.5-old", protocol_version="1.5")
    return Ssh(
        identification="SSH-2.0-x", protocol_version=random.choice(["2.0", "1.99"]), software="x",
        kex_algorithms=random.choice(KEX), kex_used="curve25519-sha256",
        host_key_algorithms=random.choice([("ssh-ed25519",), ("ssh-rsa", "ssh-dss"), ("rsa-sha2-512",)]),
        ciphers_server_to_client=random.choice([("aes128-ctr",), ("aes128-ctr", "3des-cbc", "arcfour")]),
        macs_server_to_client=random.choice([("hmac-sha2-256",), ("hmac-md5", "hmac-sha1")]),
        hassh_server=random.choice(["aa" * 16, "bb" * 16]),
    )  # fmt: skip


def _followups(random: Random, grabs: list[Grab]) -> list[Followup]:
    rows: list[Followup] = []
    for grab in grabs:
        if grab.run_id != RUN:
            continue
        if grab.outcome is Outcome.TLS_ALERT and random.random() < 0.7:
            rows.append(
                Followup.of(_again(random, grab), random.choice(["legacy_weak", "legacy_sslv3"]), None)
            )
        elif grab.service == "submission" and random.random() < 0.6:
            rows.append(Followup.of(grab, "starttls_injection", random.choice([True, False, False, None])))
    return rows


def _again(random: Random, grab: Grab) -> Grab:
    values = {name: getattr(grab, name) for name in Grab.__dataclass_fields__}
    if random.random() < 0.5:
        values["tls"] = Tls(version=0x0300, version_name="SSLv3", cipher_suite=0x0005)
        values |= {"outcome": Outcome.OK, "stage": Stage.DONE}
    return Grab(**values)


def _enumerations(random: Random, grabs: list[Grab]) -> list[Enumeration]:
    rows = []
    for grab in grabs:
        if grab.run_id != RUN or grab.tls is None or random.random() < 0.7:
            continue
        for version in random.sample(sorted(VERSIONS), 3):
            suites = tuple(random.sample(OLD_SUITES, random.randrange(4))) if version < 0x0304 else (0x1302,)
            rows.append(
                Enumeration(
                    run_id=RUN,
                    vantage="t",
                    started_at=NOW,
                    ended_at=NOW,
                    ip=grab.ip,
                    port=grab.port,
                    service=grab.service,
                    version=version,
                    version_name=VERSIONS[version],
                    cipher_suites=suites,
                    cipher_suite_names=tuple(CIPHER_SUITES[suite] for suite in suites),
                    preference=random.choice(["server", "client"]) if len(suites) > 1 else None,
                    complete=random.random() < 0.9,
                    connections=3,
                    outcome=Outcome.TLS_ALERT,
                )
            )
    unique = {(row.ip, row.service, row.version): row for row in rows}
    return list(unique.values())


def _certificate(random: Random, leaf: str) -> Certificate:
    own = random.choice([True, False, False, None])
    return Certificate(
        sha256=named(leaf), der=b"", spki_sha256=named(f"key {leaf}"), subject=f"CN={leaf}", issuer="CN=x",
        common_name=leaf, not_before=NOW - timedelta(days=90), self_issued=own, self_signed=own,
        not_after=random.choice([NOW + timedelta(days=5), NOW + timedelta(days=50), NOW - timedelta(days=5), None]),
    )  # fmt: skip


CODES = {
    "valid": (),
    "self_signed": (18,),
    "broken_chain": (20, 21),
    "expired": (10,),
    "untrusted_root": (19, 10),
}


def _judged(random: Random, leaf: str) -> Chain:
    status = random.choice(list(CODES))
    return Chain(
        chain_id=named(named(leaf)), leaf_sha256=named(leaf), sent=1, root_store="mozilla",
        store_date=date(2026, 9, 1), store_sha256="s", at=NOW, status=ChainStatus(status),
        errors=tuple(ChainError(code=code, name=str(code), depth=0) for code in CODES[status]),
        holds_from=None, holds_until=None, path=(), path_length=1, superfluous=0, duplicates=0, unreadable=0,
    )  # fmt: skip
