"""A random study of domains with everything that its tables count, written as a dataset."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import (
    AnswerState,
    Caa,
    Certificate,
    Chain,
    ChainStatus,
    Dmarc,
    DnsAnswer,
    DnssecState,
    Domain,
    DomainProvider,
    EvidenceKind,
    ExchangeState,
    Grab,
    Host,
    MailState,
    MtaSts,
    Mx,
    MxProvider,
    Outcome,
    Party,
    PolicyState,
    Role,
    Run,
    Spf,
    Stage,
    Tls,
    Tlsa,
    TlsMode,
    TlsReporting,
)
from mailcensus.study import Settings

RUN, OLD_RUN = "2026-11-22T01-02-03Z-0000", "2025-11-22T01-02-03Z-0000"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
COUNTRIES = ("US", "US", "US", "CA", "DE", None)
PLACES = {
    "US": ((39.0437, -77.4875), (41.6, -93.6)),
    "CA": ((43.7, -79.4),),
    "DE": ((50.1, 8.7),),
    None: (None,),
}
KINDS = ("City", "City", "County", "State", None)
PROVIDERS = (
    ("microsoft", "Microsoft", "US"),
    ("google", "Google", "US"),
    ("hornet", None, "DE"),
    (None, None, None),
)

T = TypeVar("T")


@cache
def certificate_of(number: int) -> Certificate:
    """One of a few leaf certificates."""
    names = (
        ("*.x.example", "*.y.example", "*.z.example"), ("mx1.x.example", "MX2.y.example"),
        ("other.example",), ("*.example",),
    )[number % 4]  # fmt: skip
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"c{number}")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(number + 1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=9))
    der = built.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    return Certificate(
        sha256=sha256(der).hexdigest(), der=der, spki_sha256="k", subject="", issuer="", common_name=names[0],
        sans=names, sans_count=len(names), self_issued=True, self_signed=True,
    )  # fmt: skip


def chain_id_of(certificate: Certificate) -> str:
    return sha256(certificate.sha256.encode()).hexdigest()


def write(data: Path, seed: int, count: int = 60) -> None:
    """A study with so many domains, and an older run that must not be counted."""
    random = Random(seed)
    for run_id in (RUN, OLD_RUN):
        _write_run(data, run_id, random, count if run_id == RUN else 5)
    _write(data, "certificates", Certificate, [certificate_of(number) for number in range(4)])
    statuses = (ChainStatus.VALID, ChainStatus.VALID, ChainStatus.SELF_SIGNED)
    _write(
        data, "chains", Chain,
        [
            Chain(
                chain_id=chain_id_of(certificate_of(number)), leaf_sha256=certificate_of(number).sha256, sent=1,
                root_store="mozilla", store_date=date(2026, 11, 1), store_sha256="s", at=NOW, holds_from=None,
                holds_until=None, status=status,
            )
            for number, status in enumerate(statuses)
        ],
    )  # fmt: skip


def _write_run(data: Path, run_id: str, random: Random, count: int) -> None:
    exchanges = [f"mx{n}.{zone}.example" for n in (1, 2, 3) for zone in "xyz"]
    ips = {name: _addresses(random, place) for place, name in enumerate(exchanges)}
    told = {name: _tlsa_state(random) for name in exchanges}
    domains = [f"d{number}.example" for number in range(count)]
    records = [mx for domain in domains for mx in _records(random, run_id, domain, exchanges, ips, told)]
    every = sorted({ip for row in records for ip in row.addresses})
    settings = {**Settings().model_dump(mode="json"), "domains": {"group_by": "Kind", "home_country": "us"}}
    run = Run(
        run_id=run_id, stage="resolve", started_at=NOW, ended_at=NOW, vantage="t", mailcensus_version="1",
        settings_json=json.dumps(settings),
    )  # fmt: skip
    _write(data, "runs", Run, [run])
    of = {domain: [row for row in records if row.domain == domain] for domain in domains}
    rows = [_domain(random, run_id, place, domain, of[domain]) for place, domain in enumerate(domains)]
    _write(data, "domains", Domain, rows)
    _write(data, "mx", Mx, records)
    _write(data, "dns", DnsAnswer, _answers(random, run_id, of, ips))
    hosts = [_host(random, run_id, ip) for ip in every if random.random() < 0.9]
    _write(data, "hosts", Host, hosts)
    by_mx = [
        _mx_provider(random, row) for row in records if row.state not in ("null_mx", "ip_literal", "invalid")
    ]
    _write(data, "mx_providers", MxProvider, by_mx)
    _write(data, "domain_providers", DomainProvider, [_provider(random, row) for row in rows])
    _write(
        data, "grabs", Grab, [_grab(random, run_id, ip, exchanges) for ip in every if random.random() < 0.9]
    )


def _write(data: Path, table: str, record: type, rows: list[T]) -> None:
    if rows:
        PartWriter(data, table, record).write(rows)


def _addresses(random: Random, place: int) -> tuple[str, ...]:
    pool = [f"100.{1 + place % 3}.{third}.{last}" for third in (0, 1) for last in (1, 2)]
    pool += ["10.0.0.1", f"2400:cb00:{place % 2}::1"]
    return tuple(sorted(random.sample(pool, random.choice((0, 1, 1, 2, 3)))))


def _tlsa_state(random: Random) -> PolicyState:
    states: tuple[PolicyState, ...] = (PolicyState.PRESENT, PolicyState.PRESENT, *PolicyState)
    return random.choice(states)


def _records(
    random: Random, run_id: str, domain: str, exchanges: list[str], ips: dict[str, tuple[str, ...]],
    told: dict[str, PolicyState],
) -> list[Mx]:  # fmt: skip
    kind = random.random()
    if kind < 0.08:
        return []
    if kind < 0.14:
        return [_mx(random, run_id, domain, ".", ExchangeState.NULL_MX, (), PolicyState.NOT_ASKED)]
    found = []
    for name in random.sample(exchanges, random.choice((1, 1, 2, 3))):
        addresses = ips[name]
        state = (
            ExchangeState.OK if addresses else random.choice((ExchangeState.NXDOMAIN, ExchangeState.TIMEOUT))
        )
        found.append(_mx(random, run_id, domain, name, state, addresses, told[name]))
    if random.random() < 0.1:
        found.append(
            _mx(random, run_id, domain, "192.0.2.1", ExchangeState.IP_LITERAL, (), PolicyState.NOT_ASKED)
        )
    if random.random() < 0.15:  # the same exchange a second time
        found.append(
            _mx(
                random,
                run_id,
                domain,
                found[0].exchange,
                found[0].state,
                found[0].addresses,
                found[0].tlsa_state,
                99,
            )
        )
    return found


def _mx(
    random: Random, run_id: str, domain: str, exchange: str, state: ExchangeState, addresses: tuple[str, ...],
    tlsa: PolicyState, preference: int | None = None,
) -> Mx:  # fmt: skip
    chosen = random.choice((0, 10, 10, 20, 30)) if preference is None else preference
    record = Tlsa(usage=3, selector=0, matching_type=1, data=sha256(certificate_of(0).der).hexdigest())
    return Mx(
        run_id=run_id, domain=domain, preference=chosen, exchange=exchange, state=state, addresses=addresses,
        tlsa_state=tlsa, tlsa_secure=None if tlsa is PolicyState.UNKNOWN else len(exchange) % 2 == 1 or "x" in
            exchange,
        tlsa=(record,) if tlsa is PolicyState.PRESENT else (), asked_at=NOW,
    )  # fmt: skip


def _domain(random: Random, run_id: str, position: int, domain: str, records: list[Mx]) -> Domain:
    kind = random.choice(KINDS)
    mail = _mail(random, records)

    def state() -> PolicyState:
        states: tuple[PolicyState, ...] = (PolicyState.PRESENT, *PolicyState)
        return random.choice(states)

    own = tuple(row.exchange for row in records[:1]) if random.random() < 0.3 else ()
    return Domain(
        run_id=run_id, domain=domain, as_given=domain, position=position, mail=mail, exchanges=len(records),
        groups={"Name": domain, **({"Kind": kind} if kind else {})}, asked_at=NOW,
        dnssec=random.choice(list(DnssecState)), dnssec_validated=random.choice(list(DnssecState)),
        spf=Spf(state=state(), all_qualifier=random.choice(("-", "~", None))) if random.random() < 0.9 else None,
        dmarc=Dmarc(state=state(), policy=random.choice(("none", "quarantine", "reject", None))),
        caa=Caa(state=state()) if random.random() < 0.9 else None,
        mta_sts=MtaSts(state=state(), mode=random.choice(("enforce",) * 5 + ("testing", None)), uncovered=own),
        tls_rpt=TlsReporting(state=state()),
    )  # fmt: skip


def _mail(random: Random, records: list[Mx]) -> MailState:
    if not records:
        return random.choice((MailState.NO_MAIL, MailState.NXDOMAIN, MailState.TIMEOUT, MailState.UNKNOWN))
    if records[0].state is ExchangeState.NULL_MX:
        return MailState.NULL_MX
    return MailState.MX


def _answers(
    random: Random, run_id: str, of: dict[str, list[Mx]], ips: dict[str, tuple[str, ...]]
) -> list[DnsAnswer]:
    def answer(name: str, kind: str, rdata: tuple[str, ...]) -> DnsAnswer:
        return DnsAnswer(
            run_id=run_id, name=name, type=kind, state=AnswerState.ANSWER, rdata=rdata, asked_at=NOW
        )

    def spelled(name: str) -> str:
        if name == ".":
            return name
        return f"{name.upper() if random.random() < 0.2 else name}."

    told = [
        answer(domain, "MX", tuple(sorted({f"{row.preference} {spelled(row.exchange)}" for row in rows})))
        for domain, rows in of.items()
        if rows
    ]
    return told + [
        answer(name, "A", tuple(ip for ip in addresses if ":" not in ip))
        for name, addresses in ips.items()
        if addresses
    ]


def _host(random: Random, run_id: str, ip: str) -> Host:
    country = random.choice(COUNTRIES)
    place = random.choice(PLACES[country])
    asn = random.choice((8075, 15169, 64500, None))
    return Host(
        run_id=run_id, ip=ip, looked_up_at=NOW, country=country, asn=asn,
        as_org=None if asn is None else f"Organisation {asn}",
        region=country and f"Region of {country}", city=None if place is None else f"City {place[0]}",
        latitude=None if place is None else place[0], longitude=None if place is None else place[1],
        anycast=random.choice((True, False, False, None)),
        ptr=random.choice((None, "mail-x.outbound.protection.outlook.com", "mail.town.gov", "mx.town.example")),
    )  # fmt: skip


def _mx_provider(random: Random, row: Mx) -> MxProvider:
    provider, name, country = PROVIDERS[len(row.domain + row.exchange) % 4]
    return MxProvider(
        run_id=row.run_id, domain=row.domain, exchange=row.exchange, preference=row.preference,
        party=(Party.THIRD, Party.FIRST, Party.UNKNOWN)[len(row.domain) % 3], provider=provider,
        provider_name=name, provider_country=country, role=Role.MAILBOX,
    )  # fmt: skip


def _provider(random: Random, row: Domain) -> DomainProvider:
    first, mailbox = random.choice(PROVIDERS), random.choice(PROVIDERS)
    nowhere = row.mail in (MailState.NULL_MX, MailState.NO_MAIL)
    party = (
        Party.NO_MAIL if nowhere else random.choice((Party.FIRST, Party.THIRD, Party.MIXED, Party.UNKNOWN))
    )
    return DomainProvider(
        run_id=row.run_id, domain=row.domain, party=party, provider=first[0], provider_name=first[1],
        provider_country=first[2], role=random.choice((Role.OWN, Role.MAILBOX, Role.FILTER)),
        decided_by=EvidenceKind.EXCHANGE_NAME, mailbox_provider=mailbox[0], mailbox_name=mailbox[1],
        mailbox_country=mailbox[2], mailbox_party=random.choice((Party.FIRST, Party.THIRD, None)),
        name_rule=Party.NO_MAIL if nowhere else random.choice((Party.FIRST, Party.THIRD, Party.UNKNOWN)), rules="r",
    )  # fmt: skip


def _grab(random: Random, run_id: str, ip: str, exchanges: list[str]) -> Grab:
    kind = random.random()
    shown = certificate_of(random.choice((0,) * 9 + (1, 1, 2, 3)))
    tls = Tls(
        version=0x0304, leaf_sha256=shown.sha256, chain=(shown.sha256,), sni=random.choice((None, exchanges[0],
            *exchanges)),
        spki_sha256="k",
    )  # fmt: skip
    outcome, stage = Outcome.OK, Stage.DONE
    if kind > 0.85:
        outcome, stage = random.choice(
            ((Outcome.TIMEOUT, Stage.CONNECT), (Outcome.NO_STARTTLS, Stage.STARTTLS))
        )
    return Grab(
        run_id=run_id, vantage="t", started_at=NOW + timedelta(minutes=1), duration_ms=1, ip=ip, port=25,
            service="smtp",
        protocol="smtp", tls_mode=TlsMode.STARTTLS, outcome=outcome, stage=stage,
        starttls_offered=True if kind <= 0.85 else (False if outcome is Outcome.NO_STARTTLS else None),
        tls=tls if kind <= 0.85 else None,
    )  # fmt: skip
