"""A random population with everything that the posture tables count, written as a dataset."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import (
    Certificate,
    Chain,
    ChainError,
    ChainStatus,
    Followup,
    Grab,
    Host,
    Key,
    Outcome,
    Stage,
    Tls,
    TlsMode,
)
from mailcensus.wire.services import SERVICE_BY_NAME

RUN, OLD_RUN = "2026-11-22T01-02-03Z-0000", "2025-11-22T01-02-03Z-0000"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
EARLIER = NOW - timedelta(days=10)
BETWEEN = NOW - timedelta(days=5)
SERVICES = ("ssh", "smtp", "submission", "pop3", "imaps", "https")
SUITES = (
    *(0x1301, 0x1302, 0xC02F, 0xC030, 0xC011, 0x009E, 0x0033, 0x002F, 0x009C, 0x0005, 0x000A, 0x0016),
    *(0x0003, 0x0018, 0x0041, 0xFAFA),
)
GROUPS = (None, 23, 24, 29, 256, 257, 0x11EC, 0x1234)
ERRORS = {
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in chain",
}
ERRORS |= {
    20: "unable to get local issuer certificate",
    9: "certificate is not yet valid",
    7: "bad signature",
}
ERRORS |= {
    66: "EE certificate key too weak",
    68: "CA signature digest algorithm too weak",
    26: "unsuitable purpose",
}
STATUS_OF = {10: "expired", 18: "self_signed", 19: "untrusted_root", 20: "broken_chain", 9: "not_yet_valid"}
STATUS_OF |= {7: "bad_signature", 66: "weak_key", 68: "weak_signature", 26: "other"}
ISSUERS = (
    "CN=R3,O=Let's Encrypt,C=US",
    r"CN=E1,O=Acme\, Inc.,C=US",
    "CN=No organisation",
    r"O=\c3\89cole",
    "",
)


def named(text: str) -> str:
    """The hash that stands for something of this name."""
    return sha256(text.encode()).hexdigest()


def write(data: Path, seed: int, *, hosts: int = 120, judged: bool = True) -> None:
    """Grabs with retries, follow-ups and an older run among them; certificates, keys, verdicts and host facts."""
    random = Random(seed)
    leaves = [f"leaf {number}" for number in range(hosts // 3)]
    chains = [_chain(random, leaf) for leaf in leaves for _ in range(1 + (random.random() < 0.2))]
    ips = [f"10.0.{number // 200}.{number % 200}" for number in range(hosts)]
    grabs = [
        grab
        for ip in ips
        for service in SERVICES
        if random.random() < 0.7
        for grab in _grabs(random, ip, service, chains)
    ]
    writer = PartWriter(data, "grabs", Grab)
    writer.write(grabs[::2])
    writer.write(grabs[1::2])
    again = [grab for grab in grabs[:30] if grab.tls is not None and grab.run_id == RUN]
    PartWriter(data, "followups", Followup).write([Followup.of(grab, "again", None) for grab in again])
    PartWriter(data, "certificates", Certificate).write(
        [
            _certificate(random, leaf)
            for leaf in (*leaves, "intermediate 0", "intermediate 1", "intermediate 2")
        ]
    )
    keys = {key_of(leaf) for leaf in leaves}
    PartWriter(data, "keys", Key).write(
        [Key(spki_sha256=named(key), algorithm="rsa", bits=2048, spki_der=b"") for key in sorted(keys)]
    )
    facts = [
        Host(run_id=RUN, ip=ip, looked_up_at=NOW, asn=asn, as_org=asn and f"Network {asn}")
        for ip in ips
        for asn in [random.choice([None, 64496, 64497, 64498])]
    ]
    PartWriter(data, "hosts", Host).write(facts)
    if judged:
        PartWriter(data, "chains", Chain).write(
            [row for chain in sorted(set(chains)) for row in _judged(random, chain)]
        )


def key_of(leaf: str) -> str:
    """Two leafs in five share their key with another one."""
    number = int(leaf.split()[-1])
    return f"key {number - 1 if number % 5 == 1 else number}"


def chain_id(chain: tuple[str, ...]) -> str:
    """As the chains table names it."""
    return sha256("".join(chain).encode()).hexdigest()


def _chain(random: Random, leaf: str) -> tuple[str, ...]:
    sent = [
        leaf,
        *(f"intermediate {number}" for number in random.sample(range(3), random.choice([0, 1, 1, 2]))),
    ]
    return tuple(named(name) for name in sent)


def _grabs(random: Random, ip: str, service: str, chains: list[tuple[str, ...]]) -> list[Grab]:
    grabs = [_grab(random, ip, service, 1, RUN, chains)]
    if random.random() < 0.1:
        grabs.append(_grab(random, ip, service, 2, RUN, chains))
    if random.random() < 0.1:
        grabs.append(_grab(random, ip, service, 1, OLD_RUN, chains))
    return grabs


def _grab(
    random: Random, ip: str, service: str, attempt: int, run_id: str, chains: list[tuple[str, ...]]
) -> Grab:
    row = SERVICE_BY_NAME[service]
    outcome, stage = random.choice(
        [(Outcome.OK, Stage.DONE)] * 5
        + [
            (Outcome.NO_STARTTLS, Stage.STARTTLS),
            (Outcome.TIMEOUT, Stage.TLS),
            (Outcome.TIMEOUT, Stage.CONNECT),
        ]
        + [(Outcome.TLS_ALERT, Stage.TLS)]
    )
    spoken = outcome is Outcome.OK and row.tls_mode is not TlsMode.NONE
    partly = outcome is Outcome.TLS_ALERT and random.random() < 0.5
    return Grab(
        run_id=run_id, vantage="t", started_at=random.choice([EARLIER, NOW]), duration_ms=1, ip=ip, port=row.port,
        service=service, protocol=row.protocol, tls_mode=row.tls_mode, attempt=attempt, outcome=outcome, stage=stage,
        starttls_offered=(
            random.choice([True, True, True, False, None]) if row.tls_mode is TlsMode.STARTTLS else None
        ),
        tls=_tls(random, chains) if spoken else Tls(alert="handshake_failure") if partly else None,
    )  # fmt: skip


def _tls(random: Random, chains: list[tuple[str, ...]]) -> Tls:
    def maybe(*values: object) -> object:
        return random.choice([None, *values])

    # A few chains are shown by many, as in the world.
    chain = chains[min(int(random.expovariate(0.12)), len(chains) - 1)] if random.random() < 0.95 else None
    suite = random.choice(SUITES)
    version = 0x0304 if suite >> 8 == 0x13 else random.choice([0x0300, 0x0301, 0x0303, 0x0303, 0x0505])
    prime = random.choice([None, None, "modp1024", "own", f"own {random.random()}"])
    leaf = next((f"leaf {n}" for n in range(500) if chain and named(f"leaf {n}") == chain[0]), None)
    return Tls(
        version=version,
        cipher_suite=random.choice([suite] * 9 + [None]),
        group=random.choice(GROUPS),
        dh_bits=None if prime is None else 1024 if prime.startswith("modp") else 2048,
        dh_prime_sha256=prime and named(prime),
        dh_prime_name=prime if prime and prime.startswith("modp") else None,
        signature_scheme=maybe(0x0401, 0x0804, 0x7777),
        signature_verified=random.choice([True] * 8 + [None, False]),
        alpn=maybe("http/1.1", "h2", "apns"),
        extended_master_secret=maybe(True, False), secure_renegotiation=maybe(True, False),
        session_ticket=maybe(True, False), heartbeat=maybe(True, False), compression=maybe(0, 1),
        hello_retry=maybe(True, False), client_cert_requested=maybe(True, False),
        ocsp_stapled=True if (status := maybe("good", "revoked", "unknown")) else maybe(True, False),
        ocsp_status=status, sct_count=maybe(0, 2),
        ja3s=maybe(*(named(f"ja3s {n}")[:32] for n in range(40))), ja4s=maybe("t130200_1302_a56c5b993250"),
        record_bytes=maybe(0, 1, 1024, 1025, 4096, 16384, 16385, 18000),
        chain=chain, leaf_sha256=chain[0] if chain else None, spki_sha256=named(key_of(leaf)) if leaf else None,
    )  # fmt: skip


def _certificate(random: Random, name: str) -> Certificate:
    begins = NOW - timedelta(days=random.choice([-3, 1, 10, 80, 100, 400, 2200, 2800, 4400, 6000]))
    lasts = timedelta(
        days=random.choice([-1, 7, 90, 200, 398, 825, 1188, 3650, 9000]), seconds=random.choice([-1, 0])
    )
    own = random.random() < 0.4
    issuer = None if random.random() < 0.05 else random.choice(ISSUERS)
    return Certificate(
        sha256=named(name), der=b"", spki_sha256=named(key_of(name)),
        common_name=random.choice(["localhost", "plesk", "mx", None]), issuer=issuer,
        not_before=random.choice([begins] * 9 + [None]), not_after=begins + lasts,
        signature_algorithm=random.choice(["sha256WithRSAEncryption", "ecdsa-with-SHA256", None]),
        key_algorithm=random.choice(["rsa", "rsa", "ecdsa", None]), key_bits=random.choice([1024, 2048, None]),
        curve=random.choice([None, "secp256r1"]),
        self_issued=None if issuer is None else own, self_signed=random.choice([own, own, own, None]),
    )  # fmt: skip


def _judged(random: Random, chain: tuple[str, ...]) -> list[Chain]:
    rows = []
    for store, day, state in (
        ("mozilla", date(2026, 1, 1), "old"),
        ("mozilla", date(2026, 9, 1), "new"),
        ("system", date(2026, 5, 1), "one"),
    ):
        if random.random() < 0.15:
            continue
        spans = random.choice([[(None, None)], [(None, BETWEEN), (BETWEEN, None)], [(BETWEEN, None)]])
        rows += [_verdict(random, chain, store, day, state, span) for span in spans]
    return rows


def _verdict(
    random: Random, chain: tuple[str, ...], store: str, day: date, state: str,
    span: tuple[datetime | None, datetime | None],
) -> Chain:  # fmt: skip
    codes = random.sample(sorted(ERRORS), random.choice([0, 0, 1, 1, 2]))
    return Chain(
        chain_id=chain_id(chain), leaf_sha256=chain[0], sent=len(chain), root_store=store, store_date=day,
        store_sha256=named(store + state), at=NOW, holds_from=span[0], holds_until=span[1],
        status=ChainStatus(STATUS_OF[codes[0]] if codes else "valid"),
        errors=tuple(ChainError(code=code, name=ERRORS[code], depth=0) for code in codes),
        root_issued_leaf=random.choice([True, False, False]) if not codes else None,
        valid_with_known_intermediates=random.choice([True, False, None]) if 20 in codes else None,
    )  # fmt: skip
