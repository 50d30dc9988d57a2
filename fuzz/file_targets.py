"""Readers of files and messages that others wrote: results of other tools, databases, logs, DNS, reports, policies.

The first byte chooses where a target has several readers. Whatever is not a result must be the reader's own error.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import dns.exception
import dns.message

from fuzz.cutting import Cut
from mailcensus.dataset.imports.censys import read_censys
from mailcensus.dataset.imports.dns_lines import read_massdns, read_zdns
from mailcensus.dataset.imports.farrell import read_farrell
from mailcensus.dataset.imports.masscan import read_masscan
from mailcensus.dataset.imports.port_scan_xml import read_port_scan_xml
from mailcensus.dataset.imports.zgrab2 import read_zgrab2
from mailcensus.dataset.imports.zmap import read_zmap
from mailcensus.facts.domains.caa import read_caa
from mailcensus.facts.domains.dmarc import read_dmarc
from mailcensus.facts.domains.dnssec import Validator, Verdict, trust_anchors
from mailcensus.facts.domains.exchange_names import exchange_names
from mailcensus.facts.domains.mta_sts import read_policy, read_record
from mailcensus.facts.domains.spf import read_spf
from mailcensus.facts.domains.tls_reporting import read_tls_reporting
from mailcensus.passive.zeek.json_log import JsonReader
from mailcensus.passive.zeek.opening import blocks_of
from mailcensus.passive.zeek.text_log import TextReader
from mailcensus.population.databases.delegated import read_delegated
from mailcensus.population.databases.mmdb import table_of_mmdb
from mailcensus.population.databases.mmdb_values import DamagedDatabase
from mailcensus.population.databases.opening import open_database
from mailcensus.population.databases.pfx2as import read_pfx2as
from mailcensus.population.databases.table import Origin
from mailcensus.population.exclusion_list import parse_entry
from mailcensus.probe.dns_reading import read_answer
from mailcensus.probe.policy_response import is_complete, read_response
from mailcensus.senders.tls_reports import Arrival, NoReport, read_report, report_of_mail
from mailcensus.study import StudyError

_AT = datetime(2026, 11, 22, tzinfo=UTC)
_BLOCK_BYTES = 64
_READERS: tuple[Callable[[io.BufferedReader], Iterable[object]], ...] = (
    read_zmap,
    read_masscan,
    read_port_scan_xml,
    lambda stream: read_zgrab2(stream, "run", "vantage", _AT),
    lambda stream: read_censys(stream, "run", "vantage", _AT),
    lambda stream: read_farrell(stream, "run", "vantage", _AT),
    lambda stream: read_zdns(stream, "run", _AT),
    lambda stream: read_massdns(stream, "run", _AT),
)


def scan_results(data: bytes, _cut: Cut) -> object:
    """A file of zmap, masscan, nmap, zgrab2, Censys, Farrell's study, zdns or massdns."""
    reader = _READERS[data[0] % len(_READERS)] if data else _READERS[0]
    return sum(1 for _ in reader(io.BufferedReader(io.BytesIO(data[1:]))))


def zeek_log(data: bytes, _cut: Cut) -> object:
    """A log of Zeek, text or JSON."""
    reader = TextReader("ssl") if data[:1] < b"\x80" else JsonReader(None)
    rows = 0
    for block in blocks_of(io.BytesIO(data[1:]), _BLOCK_BYTES):
        rows += sum(piece.rows.num_rows + len(piece.bad) for piece in reader.read(block))
    return rows


def address_database(data: bytes, _cut: Cut) -> object:
    """A MaxMind DB file."""
    with suppress(DamagedDatabase):
        return table_of_mmdb(data, Origin("fuzz", "2026-11-22", "dated"))
    return None


def address_lines(data: bytes, _cut: Cut) -> object:
    """A pfx2as file, or statistics of an Internet registry."""
    read = read_pfx2as if data[:1] < b"\x80" else read_delegated
    return read(io.BytesIO(data[1:]))


def address_file(data: bytes, _cut: Cut) -> object:
    """A database as a file or, from 0x80 on, a folder of MaxMind's: its rows, a zero byte, and the list of places."""
    rows, _, places = data[1:].partition(b"\0")
    with tempfile.TemporaryDirectory(prefix="addresses-") as name, suppress(StudyError):
        folder = Path(name)
        file = folder / "Geo-Blocks-IPv4.csv"
        file.write_bytes(rows)
        (folder / "Geo-Locations-en.csv").write_bytes(places)
        return open_database(file if data[:1] < b"\x80" else folder)
    return None


def dnssec(data: bytes, _cut: Cut) -> object:
    """Answers on the way from the root to a name, each with its length before it; every signature holds under glass."""
    return asyncio.run(_validated(data))


async def _validated(data: bytes) -> Verdict:
    left = iter(_messages(data))

    async def carry(_name: str, _kind: str) -> dns.message.Message | None:
        return next(left, None)

    return await Validator(carry, trust_anchors(None)).validate("mx.example.", "MX")


def _messages(data: bytes) -> Iterator[dns.message.Message | None]:
    while len(data) > 2:
        end = 2 + int.from_bytes(data[:2], "big")
        try:
            yield dns.message.from_wire(data[2:end])
        except (dns.exception.DNSException, ValueError, IndexError):
            yield None  # as probe.dns_client has it
        data = data[end:]


def dns_answer(data: bytes, _cut: Cut) -> object:
    """A DNS message; shorter ones than a header are dropped before."""
    return read_answer(data.ljust(12, b"\0"))


def domain_records(data: bytes, _cut: Cut) -> object:
    """TXT, CAA and MX records of a domain, one a line."""
    texts = data.decode("latin-1").split("\n")
    return (
        [(name, name.fault) for name in exchange_names(texts)],
        read_spf(texts),
        read_dmarc(texts, "a.example", is_own=True),
        read_record(texts),
        read_tls_reporting(texts),
        read_caa(texts, "a.example"),
    )


def policy(data: bytes, _cut: Cut) -> object:
    """An HTTP response with an MTA-STS policy."""
    is_complete(data)
    response = read_response(data)
    with suppress(ValueError):
        return response, read_policy(data.decode("latin-1"))
    return response


def tls_report(data: bytes, _cut: Cut) -> object:
    """A TLS report, in a mail or as it is (RFC 8460)."""
    arrival = Arrival(run_id="run", arrived_at=_AT, via="mail", client_ip="192.0.2.1")
    with suppress(NoReport):
        report = report_of_mail(data[1:]) if data[:1] < b"\x80" else data[1:]
        return read_report(report, arrival, lambda domain: domain)
    return None


def exclusion(data: bytes, _cut: Cut) -> object:
    """A line of an exclusion file, or of an opt-out."""
    with suppress(ValueError):
        return parse_entry(data.decode("utf-8", "replace"), date(2026, 11, 22))
    return None


FILES = {
    run.__name__: run
    for run in (
        scan_results,
        zeek_log,
        address_database,
        address_lines,
        address_file,
        dnssec,
        dns_answer,
        domain_records,
        policy,
        tls_report,
        exclusion,
    )
}
