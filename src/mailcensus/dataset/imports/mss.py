"""The published files of "Where is your mail?" as a run: `domains`, `mx`, `dns` and `hosts`.

What the files do not say stays unknown. A domain without a line in mx_records.csv may have no MX or may not have
answered; an exchange without a line in mx_ip.csv may not exist or may not have answered. Both are `unknown`.

Names are compared without regard to letter case, as DNS does. The files' own spelling stands in `dns`: the
published totals were counted by it (`analysis.mail_domains.totals`).

The run's id ends in the first digits of a SHA-256 over the files, so the same files again change nothing. Each table
is one part, written whole; a kill between two of them leaves the next try only what is missing.

Memory: the files, as records.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from mailcensus.dataset.imports.import_run import (
    earlier_run_id,
    file_sha256,
    has_ended,
    import_row,
    import_run_id,
)
from mailcensus.dataset.imports.mss_files import (
    ADDRESS_FILE,
    MX_FILE,
    PLACE_FILE,
    AddressLine,
    MxLine,
    PlaceLine,
    plain_name,
    read_addresses,
    read_mx,
    read_places,
)
from mailcensus.dataset.imports.rejects import Rejects
from mailcensus.dataset.imports.rows import Reject, is_address
from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.seen import values_of
from mailcensus.model import (
    TABLES,
    AnswerState,
    DnsAnswer,
    DnsState,
    Domain,
    ExchangeState,
    Host,
    MailState,
    Mx,
    Run,
)
from mailcensus.population.domain_list import ListedDomain, listed_domain, read_domain_list
from mailcensus.population.domain_name import domain_name
from mailcensus.population.registered_domains import registered_domain
from mailcensus.study import Study, StudyError

SOURCE = "mss"
_TABLES = ("domains", "mx", "dns", "hosts")
_AS_SOURCE, _PLACE_SOURCE = f"pfx2as of CAIDA ({SOURCE})", f"IPinfo ({SOURCE})"

_Line = TypeVar("_Line")


@dataclass(slots=True)
class ImportedMail:
    """What came of an import."""

    run_id: str
    rejects: Path
    """Where bad rows are kept; there is no such file where there are none."""
    already: bool = False
    """The same files had been imported before; nothing was done."""
    domains: int = 0
    exchanges: int = 0
    """Rows of `mx`."""
    addresses: int = 0
    passed_over: int = 0
    """MX records of domains that are not on the list."""
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class _Files:
    """The files, read."""

    mx: Mapping[str, Sequence[MxLine]]
    """By domain."""
    addresses: Mapping[str, Sequence[AddressLine]]
    """By exchange."""
    places: Mapping[str, PlaceLine]
    """By address."""


def import_mss(study: Study, directory: Path) -> ImportedMail:
    """Read the published files into a study.

    The domains are those of the study's own list (`domains.list`) with its groups; without one, those of
    mx_records.csv, of which there are fewer: domains without an MX record are not in it.

    Args:
        directory: holds mx_records.csv, mx_ip.csv and, where there is one, ipinfo_mx_geo.csv.

    Raises:
        StudyError: a file cannot be read, or has no row that can be; another process writes to the study.
        StageFailed: what was read cannot be written.
    """
    began = datetime.now(UTC)
    digest = _digest(directory, _list_of(study))
    lock = WriterLock(study.data)
    try:
        run_id = earlier_run_id(study.data, digest, _TABLES) or import_run_id(began, digest)
        imported = ImportedMail(run_id, study.data / "rejects" / f"{SOURCE}-{directory.name}.jsonl")
        if has_ended(study.data, run_id):
            imported.already = True
            return imported
        with Rejects(imported.rejects) as rejects:
            files = _read(directory, rejects)
        if not files.mx:
            raise StudyError(
                f"{directory / MX_FILE}: no row of it can be read; is it an MX file of {SOURCE}?"
            )
        listed = _listed(study, files)
        _write(
            study, imported, files, listed, datetime.fromtimestamp((directory / MX_FILE).stat().st_mtime, UTC)
        )
        imported.rejected = rejects.count
        row = import_row(study, run_id, began, imported.domains, imported.exchanges)
        PartWriter(study.data, "runs", Run).write([row])
        return imported
    finally:
        lock.release()


def _digest(directory: Path, domains: Path | None) -> str:
    whole = hashlib.sha256()
    paths = [directory / name for name in (MX_FILE, ADDRESS_FILE, PLACE_FILE)]
    for path in (*paths, *([domains] if domains else ())):
        if path.name == PLACE_FILE and not path.exists():
            continue
        mend = "mend domains.list" if path == domains else f"name the directory that holds {MX_FILE}"
        whole.update(bytes.fromhex(file_sha256(path, mend)))
    return whole.hexdigest()


def _read(directory: Path, rejects: Rejects) -> _Files:
    mx: dict[str, list[MxLine]] = defaultdict(list)
    addresses: dict[str, list[AddressLine]] = defaultdict(list)
    path = directory / MX_FILE
    for record in _sorted_out(rejects, path, read_mx(path)):
        mx[record.domain].append(record)
    path = directory / ADDRESS_FILE
    for address in _sorted_out(rejects, path, read_addresses(path)):
        addresses[address.exchange].append(address)
    path = directory / PLACE_FILE
    places = _sorted_out(rejects, path, read_places(path)) if path.exists() else ()
    return _Files(mx, addresses, {place.ip: place for place in places})


def _sorted_out(rejects: Rejects, path: Path, lines: Iterable[_Line | Reject]) -> Iterator[_Line]:
    """The lines that could be read; the others are kept aside."""
    for line in lines:
        if isinstance(line, Reject):
            rejects.add(line, path.name)
        else:
            yield line


def _list_of(study: Study) -> Path | None:
    domains = study.settings.domains.list
    return None if domains is None else study.path(domains)


def _listed(study: Study, files: _Files) -> list[ListedDomain]:
    path, told = _list_of(study), study.settings.domains
    if path is not None:
        return read_domain_list(path, told.column, told.groups).domains
    return [listed_domain(name, position) for position, name in enumerate(files.mx)]


def _write(
    study: Study, imported: ImportedMail, files: _Files, listed: Sequence[ListedDomain], at: datetime
) -> None:
    run_id = imported.run_id
    known = {one.domain for one in listed}
    mx = [row for one in listed for row in _exchanges(run_id, one.domain, files, at)]
    ips = {line.ip: line for lines in files.addresses.values() for line in lines}
    organisations = _organisations(files)
    rows: dict[str, list[object]] = {
        "domains": [_domain(run_id, one, files, at) for one in listed],
        "mx": list(mx),
        "dns": list(_answers(run_id, files, known, at)),
        "hosts": [_host(run_id, line, files.places.get(ip), organisations, at) for ip, line in ips.items()],
    }
    imported.domains, imported.exchanges, imported.addresses = len(listed), len(mx), len(ips)
    imported.passed_over = sum(len(lines) for domain, lines in files.mx.items() if domain not in known)
    for name, records in rows.items():
        if run_id not in values_of(study.data / name, "run_id"):
            PartWriter(study.data, name, TABLES[name]).write(records)


def _domain(run_id: str, listed: ListedDomain, files: _Files, at: datetime) -> Domain:
    lines = files.mx.get(listed.domain, ())
    return Domain(
        run_id=run_id,
        domain=listed.domain,
        as_given=listed.as_given,
        position=listed.position,
        registered_domain=listed.registered_domain,
        public_suffix=listed.public_suffix,
        groups=listed.groups,
        mail=_mail(lines),
        exchanges=len(_records(lines)),
        asked_at=at,
        source=SOURCE,
    )


def _mail(lines: Sequence[MxLine]) -> MailState:
    names = {plain_name(line.exchange) for line in lines}
    if not names:
        return MailState.UNKNOWN
    if names == {"."}:
        return MailState.NULL_MX
    return MailState.MX if any(map(_is_host, names)) else MailState.BROKEN


def _records(lines: Sequence[MxLine]) -> list[tuple[int, str]]:
    """Preference and exchange, each once, the lowest first."""
    return sorted({(line.preference, plain_name(line.exchange)) for line in lines})


def _exchanges(run_id: str, domain: str, files: _Files, at: datetime) -> Iterator[Mx]:
    for preference, exchange in _records(files.mx.get(domain, ())):
        addresses = tuple(dict.fromkeys(line.ip for line in files.addresses.get(exchange, ())))
        yield Mx(
            run_id=run_id,
            domain=domain,
            preference=preference,
            exchange=exchange,
            state=_state(exchange, addresses),
            registered_domain=registered_domain(exchange) if _is_host(exchange) else None,
            addresses=addresses,
            a_state=AnswerState.ANSWER if addresses else None,
            asked_at=at,
        )


def _is_host(exchange: str) -> bool:
    try:
        domain_name(f"{exchange}.")
    except ValueError:
        return False
    return not is_address(exchange)


def _state(exchange: str, addresses: tuple[str, ...]) -> ExchangeState:
    if exchange == ".":
        return ExchangeState.NULL_MX
    if is_address(exchange):
        return ExchangeState.IP_LITERAL
    if not _is_host(exchange):
        return ExchangeState.INVALID
    return ExchangeState.OK if addresses else ExchangeState.UNKNOWN


def _answers(run_id: str, files: _Files, known: set[str], at: datetime) -> Iterator[DnsAnswer]:
    """What DNS said, as far as the files tell: MX in the records' own spelling, and A."""
    for domain, records in files.mx.items():
        if domain in known:
            told = {f"{record.preference} {record.exchange}" for record in records}
            yield _answer(run_id, domain, "MX", told, at)
    for exchange, lines in files.addresses.items():
        yield _answer(run_id, exchange, "A", {line.ip for line in lines}, at)


def _answer(run_id: str, name: str, kind: str, rdata: set[str], at: datetime) -> DnsAnswer:
    return DnsAnswer(
        run_id=run_id, name=name, type=kind, state=AnswerState.ANSWER, rdata=tuple(sorted(rdata)),
        transport=SOURCE, attempts=0, asked_at=at,
    )  # fmt: skip


def _organisations(files: _Files) -> dict[int, str]:
    """The organisation of each AS, by IPinfo; the AS of an address is by CAIDA, which may name another one."""
    named = ((place.asn, place.organisation) for place in files.places.values())
    return {asn: organisation for asn, organisation in named if asn is not None and organisation}


def _host(
    run_id: str, line: AddressLine, place: PlaceLine | None, organisations: Mapping[int, str], at: datetime
) -> Host:
    as_org = organisations.get(line.asn) if line.asn is not None else None
    host = Host(
        run_id=run_id, ip=line.ip, looked_up_at=at, asn=line.asn, asns=None if line.asn is None else (line.asn,),
        as_source=None if line.asn is None else _AS_SOURCE,
        as_org=as_org, as_org_source=as_org and _PLACE_SOURCE,
    )  # fmt: skip
    return host if place is None else _placed(host, place)


def _placed(host: Host, place: PlaceLine) -> Host:
    """With what IPinfo said. Its host name is a reverse name that nobody has checked forward."""
    return replace(
        host,
        country=place.country,
        country_source=place.country and _PLACE_SOURCE,
        region=place.region,
        city=place.city,
        latitude=place.latitude,
        longitude=place.longitude,
        location_source=None if place.latitude is None else _PLACE_SOURCE,
        anycast=place.anycast,
        anycast_source=None if place.anycast is None else _PLACE_SOURCE,
        ptr_state=DnsState.OK if place.host_name else DnsState.NOT_ASKED,
        ptr=place.host_name,
        ptr_names=(place.host_name,) if place.host_name else None,
    )
