"""study.toml: everything a study is told, checked once when it is read.

Every field is documented by its `description`; `study.template` writes them as comments, `study.settings_reference`
as a page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PositiveFloat = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
AsNumber = Annotated[int, Field(gt=0, lt=4_294_967_295)]
Port = Annotated[int, Field(gt=0, lt=65_536)]

NOISE_PORTS = (1337, 7583, 46721, 58976, 65322)
"""Arbitrary ports: those of the study of 2018 that we reproduce, where 0.07 to 0.1 % of addresses answered."""
Engine = Literal["connect", "zmap", "masscan"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StudySection(_Section):
    """Who asks, and from where."""

    name: str = Field("study", description="name of the campaign, shown in reports")
    vantage: str = Field("local", description="name of the machine that asks")
    ehlo_name: str = Field(
        "scanner.invalid", description="our own host name, sent as EHLO argument; its PTR should say who asks"
    )
    contact: str | None = Field(
        None,
        description="where targets reach you; public addresses are not asked without it",
        examples=["abuse@scanner.example"],
    )
    opt_out: str | None = Field(
        None,
        description="where targets opt out (URL or mail); public addresses are not asked without it",
        examples=["https://scanner.example/opt-out"],
    )
    allow_special: bool = Field(
        False, description="ask special-purpose ranges too (loopback, private; RFC 6890): for labs only"
    )


class PopulationSection(_Section):
    """Whom to ask. Paths are relative to the study's directory."""

    prefixes: Path | None = Field(
        None, description="file of prefixes or addresses, one a line, # comments", examples=["prefixes.txt"]
    )
    hosts: Path | None = Field(
        None, description="file of addresses, one a line, # comments", examples=["hosts.txt"]
    )
    country: str | tuple[str, ...] | None = Field(
        None,
        description="ISO 3166-1 alpha-2 code, or a list of them; needs country_database",
        examples=["IE"],
    )
    country_database: Path | None = Field(
        None,
        description="country database: MMDB, CSV file or folder, or RIR delegated statistics",
        examples=["GeoLite2-Country.mmdb"],
    )
    as_numbers: tuple[AsNumber, ...] = Field(
        (), description="autonomous systems whose announced prefixes are asked; needs as_database"
    )
    as_database: Path | None = Field(
        None, description="AS database: MMDB, CSV or pfx2as file", examples=["asn.csv"]
    )
    hits_of: Path | None = Field(
        None, description="directory of a former study; its hits are asked", examples=["../last-year"]
    )
    routed: Path | None = Field(
        None,
        description="pfx2as file or AS database; addresses that it has not announced are left out",
        examples=["routeviews-rv2.pfx2as"],
    )
    sample: int | str | None = Field(
        None,
        description='ask a random sample only: a share such as "1%" or a number of addresses',
        examples=["1%"],
    )
    shard: str | None = Field(
        None,
        description='ask one shard only, whole /24s and /48s: "2/8" is the second of eight vantages',
        examples=["1/1"],
    )
    exclusions: tuple[Path, ...] = Field(
        (),
        description="files of whom never to ask: prefixes, ASes, countries, domains; read again while a scan runs",
    )
    seed: int = Field(2026, description="seed of the pseudo-random order of asking", ge=0)

    @model_validator(mode="after")
    def _countries_and_numbers_need_databases(self) -> PopulationSection:
        if self.country is not None and self.country_database is None:
            raise ValueError("population.country needs population.country_database")
        if self.as_numbers and self.as_database is None:
            raise ValueError("population.as_numbers needs population.as_database")
        return self

    @property
    def countries(self) -> tuple[str, ...]:
        """The country codes, upper case, each once."""
        named = (self.country,) if isinstance(self.country, str) else self.country or ()
        return tuple(dict.fromkeys(code.upper() for code in named))


class PolitenessSection(_Section):
    """How gently to ask. Every connection of every stage passes these limits."""

    connections_per_s: PositiveFloat = Field(
        147.0, description="new connections a second over everything (the rate of the study we reproduce)"
    )
    prefix_connections_per_s: PositiveFloat = Field(
        2.0, description="new connections a second to one /24 (IPv4) or /48 (IPv6)"
    )
    prefix_connections: PositiveInt = Field(8, description="open connections to one /24 or /48")
    as_connections_per_s: PositiveFloat | None = Field(
        None,
        description="new connections a second to one autonomous system; needs population.as_database",
        examples=[20.0],
    )
    in_flight: PositiveInt = Field(2_000, description="open connections over everything")


class DiscoverySection(_Section):
    """Who answers. `politeness.connections_per_s` is the rate of every engine."""

    engine: Engine = Field(
        "connect", description="connect: built in, needs no root; zmap, masscan: the system's own, need root"
    )
    ports: tuple[Port, ...] = Field(
        (25,), description="ports whose listeners are collected from; each address is asked all", min_length=1
    )
    timeout_s: PositiveFloat = Field(5.0, description="connect: how long an address may take to answer")
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        0,
        description="further tries of who did not answer (connect), or further packets to all (zmap, masscan)",
    )
    retry_pause_s: PositiveFloat = Field(60.0, description="connect: pause before each further try")
    source_port: Port | None = Field(
        None,
        description="zmap, masscan: the port packets come from; unset: as the engine likes",
        examples=[61000],
    )
    interface: str | None = Field(
        None, description="zmap, masscan: network interface; unset: that of the route", examples=["eth0"]
    )
    gateway_mac: str | None = Field(
        None,
        description="zmap, masscan: Ethernet address of the gateway; unset: that of the route",
        examples=["00:00:5e:00:53:01"],
        pattern="^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$",
    )
    cooldown_s: Annotated[int, Field(ge=1)] = Field(
        8, description="zmap, masscan: how long to wait for answers after the last packet of a slice"
    )
    slice_s: PositiveFloat = Field(
        300.0,
        description="zmap, masscan: the sweep is cut into slices of about this length; a killed one is repeated",
    )

    @field_validator("ports")
    @classmethod
    def _each_port_once(cls, ports: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(ports)) < len(ports):
            raise ValueError("a port stands there twice; leave one")
        return ports

    @model_validator(mode="before")
    @classmethod
    def _port_became_ports(cls, told: object) -> object:
        if isinstance(told, dict) and "port" in told:
            raise ValueError(f"port is ports now, a list; write: ports = [{told['port']}]")
        return told


class CanariesSection(_Section):
    """Known responders mixed into discovery: they tell an empty population from a vantage that cannot see."""

    hosts: tuple[str, ...] = Field(
        (),
        description='addresses known to answer, each "address" or "address:port" ("[address]:port" for IPv6)',
    )
    file: Path | None = Field(
        None, description="file of more of them, one a line, # comments", examples=["canaries.txt"]
    )
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.001, description="canaries asked, as a share of the addresses asked: 0.001 is one for each 1,000"
    )
    silent_after: PositiveInt = Field(
        3, description="the run pauses when so many questions in a row were not answered, nor any canary then"
    )
    rest_s: PositiveFloat = Field(
        5.0, description="between two questions to one canary, at least; due earlier, it is passed over"
    )
    retry_s: PositiveFloat = Field(
        60.0, description="during a pause every canary is asked once in so many seconds"
    )


class PreflightSection(_Section):
    """What is looked at before a run begins."""

    responders: tuple[str, ...] = Field(
        (),
        description="addresses that answer on the discovery port, as in canaries.hosts; without any, the canaries",
    )
    addresses: tuple[str, ...] = Field(
        (), description="our own public addresses; without any, those of this machine's routes"
    )
    resolvers: tuple[str, ...] = Field(
        (), description='DNS resolvers, each "address" or "address:port"; without any, those of the system'
    )


class DeadlinesSection(_Section):
    """How long each stage may take, in seconds."""

    connect_s: PositiveFloat = Field(10.0, description="TCP connect")
    greeting_s: PositiveFloat = Field(35.0, description="greeting; greet delays of 10-30 s are common")
    reply_s: PositiveFloat = Field(20.0, description="each reply")
    tls_s: PositiveFloat = Field(20.0, description="each TLS or SSH flight")
    grab_s: PositiveFloat = Field(120.0, description="one whole grab")


class CollectSection(_Section):
    """What to ask those who answered."""

    services: tuple[str, ...] = Field(
        ("ssh", "smtp", "pop3", "imap", "https", "submission", "imaps"),
        description="services asked of every hit, in this order (`mailcensus ports` lists them)",
        min_length=1,
    )
    hello_profile: str = Field("mailcensus-2026", description="ClientHello profile; it decides the numbers")
    finish_tls: bool = Field(True, description="finish handshakes and ask capabilities again behind TLS")
    rate_limited_pauses_s: tuple[PositiveFloat, ...] = Field(
        (300.0, 1200.0, 3600.0),
        description="pauses before each new try of a peer that said 'later' (421, 4xx)",
    )
    flush_s: PositiveFloat = Field(5.0, description="finished grabs are written to disk at least this often")
    deadlines: DeadlinesSection = DeadlinesSection()


class FollowupsSection(_Section):
    """What to ask again, later and otherwise. Each is off by default, and each costs its hosts more connections."""

    legacy: bool = Field(
        False, description="SSLv3, SSLv2 and weak suites, of servers that refused the ordinary hello"
    )
    server_names: tuple[Literal["greeting", "ptr", "file"], ...] = Field(
        (),
        description="the TLS hello again with a server name (SNI): of the greeting, the PTR record, or a file",
    )
    server_names_file: Path | None = Field(
        None,
        description="file of addresses and names, one pair a line, e.g. the MX names of a list of domains",
    )
    ssh_host_keys: bool = Field(False, description="every other type of host key that an SSH server has")
    injection: bool = Field(
        False, description="whether a command sent in the clear behind STARTTLS is obeyed behind TLS"
    )
    enumerate: bool = Field(
        False, description="every TLS version and cipher suite a server takes: a connection for each suite"
    )
    pause_s: PositiveFloat = Field(60.0, description="pause between two of these connections to one host")

    @model_validator(mode="after")
    def _file_names_need_a_file(self) -> FollowupsSection:
        if "file" in self.server_names and self.server_names_file is None:
            raise ValueError('followups.server_names has "file" and followups.server_names_file names none')
        return self


class NoiseSection(_Section):
    """How many addresses answer on any port at all (middleboxes, tarpits), so that hits can be set right."""

    ports: tuple[Port, ...] = Field(
        (), description="ports on which hardly anybody listens; none: not measured", examples=[NOISE_PORTS]
    )
    sample: PositiveInt = Field(
        10_000, description="addresses of the population to ask on all these ports, drawn at random"
    )
    seed: int = Field(1337, description="seed of the draw", ge=0)
    check_hits: bool = Field(
        False,
        description="ask the hits on these ports too, until one does not answer, and mark those that answer all",
    )


class DomainsSection(_Section):
    """Domains whose mail is studied: `mailcensus resolve` asks DNS where it goes and how it is protected."""

    list: Path | None = Field(
        None,
        description="list of domains: CSV with any columns, one domain a line, or a zone file",
        examples=["domains.csv"],
    )
    column: str | None = Field(
        None,
        description="CSV: the column of the domain, by its heading or its number from 1; unset: found by what is in it",
        examples=["Domain name"],
    )
    groups: tuple[str, ...] | None = Field(
        None,
        description="CSV: columns that are kept to group domains by; unset: all others",
        examples=[["Domain type", "State"]],
    )
    group_by: str | None = Field(
        None,
        description="column by which tables and figures have a row for each group; unset: the one with the fewest "
        "different values, from 2 to 50",
        examples=["Domain type"],
    )
    home_country: str | None = Field(
        None,
        description="country whose domains these are, ISO 3166-1 alpha-2: servers there are domestic, others foreign",
        pattern="^[A-Za-z]{2}$",
        examples=["US"],
    )
    records: tuple[Literal["ns", "spf", "dmarc", "mta_sts", "tls_rpt", "caa", "tlsa"], ...] = Field(
        ("ns", "spf", "dmarc", "mta_sts", "tls_rpt", "caa", "tlsa"),
        description="what to ask of each domain besides MX, A and AAAA",
    )
    fetch_policies: bool = Field(
        True, description="fetch the policy by HTTPS of each domain that has an MTA-STS record (RFC 8461)"
    )
    policy_timeout_s: PositiveFloat = Field(60.0, description="how long fetching a policy may take")
    policy_roots: str = Field(
        "mozilla",
        description="whom certificates of policy hosts are verified against, as in facts.root_stores",
    )
    collect: bool = Field(
        True, description="the mail exchanges found are part of the population: discover and collect ask them"
    )


class DnsSection(_Section):
    """How to ask DNS about domains. A validating resolver of one's own on this machine is best."""

    resolvers: tuple[str, ...] = Field(
        (),
        description='resolvers, each "address", "address:port" or "[IPv6 address]:port", asked in turn; '
        "without any, those of the system",
        examples=[["127.0.0.1"]],
    )
    queries_per_s: PositiveFloat = Field(100.0, description="most questions a second to each resolver")
    authority_queries_per_s: PositiveFloat = Field(
        20.0, description="most questions a second about names under one registered domain"
    )
    in_flight: PositiveInt = Field(
        200,
        description="questions that wait for their answer at the same time, at each resolver; and domains in work",
    )
    timeout_s: PositiveFloat = Field(5.0, description="how long to wait for each reply")
    tries: Annotated[int, Field(gt=0, le=10)] = Field(
        3, description="questions sent, to one resolver after the other, before one is given up"
    )
    validate_ourselves: bool = Field(
        False, description="validate the MX answer of each domain ourselves too, from the root's keys down"
    )
    trust_anchors: Path | None = Field(
        None, description="file of DS records of the root for that; unset: IANA's", examples=["root.ds"]
    )
    signed_name: str = Field(
        ".",
        description="a name known to be signed: a resolver that gives it without the AD bit does not validate",
    )


class FactsSection(_Section):
    """What to look up about every address that answered (`mailcensus enrich`)."""

    databases: tuple[Path, ...] = Field(
        (),
        description="address databases: country, AS, place; the first one that knows an address counts, "
        "for each of the three",
        examples=[["GeoLite2-Country.mmdb", "asn.csv"]],
    )
    ptr: bool = Field(
        False, description="ask DNS for the reverse name of every address, and whether it leads back"
    )
    resolvers: tuple[str, ...] = Field(
        (),
        description='DNS resolvers, each "address", "address:port" or "[IPv6 address]:port"; '
        "without any, those of the system",
    )
    queries_per_s: PositiveFloat = Field(100.0, description="most questions a second to each resolver")
    root_stores: tuple[str, ...] = Field(
        ("mozilla",),
        description="whom chains of certificates are verified against: mozilla (by certifi), system, or a PEM file",
        examples=[["mozilla", "system", "own-roots.pem"]],
    )
    crls: tuple[Path, ...] = Field(
        (),
        description="files or directories of certificate revocation lists, DER or PEM; none is ever fetched",
        examples=[["crls"]],
    )

    @field_validator("root_stores")
    @classmethod
    def _each_store_once(cls, stores: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(stores)) < len(stores):
            raise ValueError("a root store stands there twice; leave one")
        return stores

    check_keys: bool = Field(
        True, description="look every key over for known weaknesses and known owners; asks nobody"
    )
    batch_gcd: bool = Field(
        True, description="look for RSA keys that have a prime in common; with check_keys, asks nobody"
    )
    batch_gcd_mb: PositiveInt = Field(
        6_000, description="memory for that; what does not fit is done in chunks, which takes longer"
    )
    key_blocklist: Path | None = Field(
        None,
        description="folder with badkeys' list of compromised keys (badkeysdata.json, blocklist.dat), as its own "
        "command `badkeys --update-bl` leaves it in ~/.cache/badkeys; it is never fetched from here",
        examples=["badkeys"],
    )
    default_certificates: Path | None = Field(
        None,
        description="file with more default certificates of products, to be told from others",
        examples=["default-certificates.toml"],
    )


class SendersSection(_Section):
    """Receivers that are badly secured on purpose, to see what senders do (`mailcensus senders`)."""

    domain: str | None = Field(
        None,
        description="a domain of your own, for this alone; every condition gets a name below it",
        examples=["experiment.example"],
    )
    addresses: tuple[str, ...] = Field(
        (),
        description="addresses to listen at, single ones or prefixes: one for each receiver and one for policies",
        examples=[["192.0.2.0/26"]],
    )
    who: tuple[str, ...] = Field((), description="the senders to watch, by names of your choice")
    conditions: tuple[str, ...] = Field(
        (), description="conditions to play; none: all (`mailcensus senders plan --list` prints them)"
    )
    wait_h: PositiveFloat = Field(
        120.0,
        description="hours after sending until silence is an outcome; queues are given up after 4 to 5 days",
    )
    smtp_port: Port = Field(
        2525, description="port to listen on; forward port 25 to it, and no root is needed"
    )
    smtps_port: Port = Field(2465, description="port for implicit TLS; forward port 465 to it")
    https_port: Port = Field(
        2443, description="port for MTA-STS policies and reports; forward port 443 to it"
    )
    public_port: Port = Field(25, description="port that senders connect to, as TLSA records name it")
    message_bytes: PositiveInt = Field(
        1_048_576, description="longest message; all are read for a token and dropped"
    )
    connections: PositiveInt = Field(400, description="open connections over everything; more get 421")
    client_connections: PositiveInt = Field(20, description="open connections of one client; more get 421")
    connections_per_s: PositiveFloat = Field(
        50.0, description="new connections a second over everything; more are closed unread, and counted"
    )
    idle_s: PositiveFloat = Field(
        300.0, description="how long a sender may be silent (RFC 5321: five minutes)"
    )
    connection_s: PositiveFloat = Field(1_800.0, description="how long one connection may take")
    reverse_names: bool = Field(True, description="look up the reverse names of senders")


class SiteSection(_Section):
    """The page where those who are asked learn who asks, and opt out (`mailcensus outreach serve`)."""

    operator: str | None = Field(
        None,
        description="who runs the study, as its page says; unset: the contact",
        examples=["The measurement group of Example University"],
    )
    purpose: str = Field(
        "To measure which cryptographic keys mail servers show, and how many of them share one. "
        "Results are published as counts; operators are told of serious faults.",
        description="why, in a sentence or two",
    )
    url: str | None = Field(
        None,
        description="where the world reaches the site, without a path; unset: the host of study.opt_out",
        examples=["https://scanner.example"],
    )
    listen: tuple[str, ...] = Field(
        ("127.0.0.1:8025",),
        description='where to listen, each "address:port" or "[IPv6 address]:port"; plain HTTP',
        min_length=1,
    )
    proxies: tuple[str, ...] = Field(
        (),
        description="addresses or prefixes of reverse proxies whose X-Forwarded-For is believed",
        examples=[["127.0.0.1", "::1"]],
    )
    opt_outs: Path = Field(
        Path("opt-outs.txt"),
        description="the exclusion file it writes; name it in population.exclusions too",
    )
    database: str | None = Field(
        None,
        description="PostgreSQL URL without a password (use ~/.pgpass); unset: SQLite, outreach/site.sqlite",
        examples=["postgresql:///mailcensus"],
    )
    smtp: str | None = Field(
        None,
        description='mail server of your own that takes mails asking for proof, "address:port"; unset: no such mails',
        examples=["127.0.0.1:25"],
    )
    contacts: Path | None = Field(
        None,
        description="file of abuse contacts of networks, as for `mailcensus outreach notices`; for such mails",
        examples=["contacts.csv"],
    )

    @field_validator("database", "url", "smtp")
    @classmethod
    def _no_password(cls, told: str | None) -> str | None:
        if told is not None and (
            ":" in told.partition("://")[2].rpartition("@")[0] or "password=" in told.lower()
        ):
            raise ValueError("a password; study.toml is kept with every run: put it into ~/.pgpass")
        return told


class Settings(_Section):
    """A whole study.toml."""

    study: StudySection = StudySection()
    population: PopulationSection = PopulationSection()
    politeness: PolitenessSection = PolitenessSection()
    discovery: DiscoverySection = DiscoverySection()
    canaries: CanariesSection = CanariesSection()
    preflight: PreflightSection = PreflightSection()
    collect: CollectSection = CollectSection()
    noise: NoiseSection = NoiseSection()
    followups: FollowupsSection = FollowupsSection()
    domains: DomainsSection = DomainsSection()
    dns: DnsSection = DnsSection()
    facts: FactsSection = FactsSection()
    senders: SendersSection = SendersSection()
    site: SiteSection = SiteSection()
    ports: dict[str, Port] = Field(
        default_factory=dict,
        description="services on other ports than their own",
        examples=[{"smtp": 20025}],
    )
