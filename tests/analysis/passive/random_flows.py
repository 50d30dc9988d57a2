"""Random flows with everything that the passive tables count, and a scan of some of the servers."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import (
    Chain,
    ChainStatus,
    ClientHello,
    Flow,
    FlowReader,
    Grab,
    Outcome,
    Sides,
    Stage,
    Tls,
    TlsMode,
)
from mailcensus.wire.services import SERVICE_BY_NAME

RUN = "2026-11-22T01-02-03Z-0000"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SERVICES = ("smtp", "submission", "imap", "imaps", "https", "xmpps-client", None)
SUITES = (0x1301, 0xC02F, 0x009E, 0x002F, 0x0005, 0x000A, 0x0003, 0xFAFA)
WORDS = ("ok", "self signed certificate", "certificate has expired", "something new")


def named(text: str) -> str:
    """The hash that stands for something of this name."""
    return sha256(text.encode()).hexdigest()


def flow(service: str | None = "smtp", ip: str = "192.0.2.1", **fields: Any) -> Flow:
    """A connection to a server."""
    usual: dict[str, Any] = {
        "run_id": f"{RUN}-passive-1", "reader": FlowReader.ZEEK, "source": "ssl.log", "started_at": NOW, "ip": ip,
        "port": 4444 if service is None else SERVICE_BY_NAME[service].port, "service": service, "sides": Sides.BOTH,
    }  # fmt: skip
    return Flow(**usual | fields)


def write(data: Path, seed: int, count: int = 900) -> None:
    """Flows over two runs of listening, verdicts, and grabs."""
    random = Random(seed)
    flows = [_flow(random) for _ in range(count)]
    writer = PartWriter(data, "flows", Flow)
    writer.write(flows[::2])
    writer.write(flows[1::2])
    chains = sorted({one.tls.chain for one in flows if one.tls and one.tls.chain})
    PartWriter(data, "chains", Chain).write(
        [_verdict(random, chain) for chain in chains if random.random() < 0.7]
    )
    PartWriter(data, "grabs", Grab).write(
        [_grab(random, number) for number in range(30) if random.random() < 0.7]
    )


def _flow(random: Random) -> Flow:
    def maybe(*values: Any) -> Any:
        return random.choice([None, *values])

    service = random.choice(SERVICES)
    established = maybe(True, True, False)
    chain = (
        tuple(named(f"c{random.randrange(12)}") for _ in range(random.choice([1, 2])))
        if random.random() < 0.6
        else None
    )
    tls = Tls(
        version=maybe(0x300, 0x301, 0x303, 0x303, 0x304, 0x7F17), cipher_suite=maybe(*SUITES),
        group=maybe(23, 29, 256, 0x11EC), dh_bits=maybe(1024), alpn=maybe("h2", "xmpp-client", "apns-security-v3"),
        ocsp_stapled=maybe(True, False, False), chain=chain, leaf_sha256=chain[0] if chain else None,
    )  # fmt: skip
    hello = ClientHello(
        legacy_version=0x303, versions=maybe((0x0A0A, 0x304, 0x303), (0x303,)),
        sni=maybe("mx.example", "courier.push.apple.com"),
        cipher_suites=maybe((0x1301, 0x1302, 0xC02F), (0x0A0A, 0x0005)), groups=maybe((29, 23, 0x1A1A), (23,)),
        alpn=maybe(("imap",), ("h2", "http/1.1")), ja3=maybe(*(named(str(n))[:32] for n in range(5))),
        ja4=maybe("t13d"),
    )  # fmt: skip
    return flow(
        service, f"10.0.0.{random.randrange(30)}", run_id=f"{RUN}-passive-{random.randrange(2)}",
        sides=random.choice([*([Sides.BOTH] * 9), Sides.NONE]), started_at=NOW - timedelta(days=random.choice([0, 10])),
        client=maybe("a", "b", "c"), cut=maybe(None, "gap"), from_start=maybe(True, False),
        tls_mode=maybe(*TlsMode), starttls_offered=maybe(True, True, False), starttls_accepted=maybe(True),
        upgraded=maybe(True, False), established=established,
        auth_before=maybe((), ("plain", "LOGIN"), ("PLAIN", "PLAIN"), ("CRAM-MD5",)), login_disabled=maybe(True, False),
        client_mechanism=maybe("PLAIN", "IMAP LOGIN", "CRAM-MD5"), client_hello=random.choice([None, hello]),
        tls=random.choice([tls, tls, tls, None]), validation=maybe(*WORDS),
        leaf_subject=maybe("CN=mx", "CN=www.abcdefgh234.net"), leaf_issuer=maybe("CN=CA", "CN=www.zyxwvuts.com"),
    )  # fmt: skip


def _verdict(random: Random, chain: tuple[str, ...]) -> Chain:
    return Chain(
        chain_id=sha256("".join(chain).encode()).hexdigest(), leaf_sha256=chain[0], sent=len(chain),
        root_store="mozilla", store_date=date(2026, 9, 1), store_sha256="s", at=NOW,
        holds_from=None, holds_until=random.choice([None, NOW - timedelta(days=5)]),
        status=random.choice([ChainStatus.VALID, ChainStatus.EXPIRED]),
    )  # fmt: skip


def _grab(random: Random, number: int) -> Grab:
    service = SERVICE_BY_NAME[random.choice(["smtp", "imaps", "https"])]
    tls = Tls(version=random.choice([0x303, 0x304]), leaf_sha256=named(f"c{random.randrange(12)}"))
    return Grab(
        run_id=RUN, vantage="t", started_at=NOW, duration_ms=1, ip=f"10.0.0.{number}", port=service.port,
        service=service.name, protocol=service.protocol, tls_mode=service.tls_mode,
        outcome=random.choice([Outcome.OK, Outcome.TIMEOUT]), stage=Stage.DONE,
        starttls_offered=random.choice([None, True, False]), tls=random.choice([tls, tls, None]),
    )  # fmt: skip
