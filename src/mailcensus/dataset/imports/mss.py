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
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from mailcensus import __version__
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
from mailcensus.study import StageFailed, Study, StudyError

SOURCE = "mss"
_DIGITS = 16
_MOST_REJECTS = 100_000
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


@dataclass(slots=True)
class _Rejects:
    """Rows that could not be read, by file."""

    kept: list[dict[str, object]] = field(default_factory=list)
    count: int = 0

    def sort_out(self, path: Path, lines: Iterable[_Line | Reject]) -> Iterator[_Line]:
        """The lines that could be read; the others are kept."""
        for line in lines:
            if not isinstance(line, Reject):
                yield line
                continue
            self.count += 1
            if len(self.kept) < _MOST_REJECTS:
                told = {"file": path.name, "line": line.line, "reason": line.reason, "row": line.text[:2_000]}
                self.kept.append(told)


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
    suffix = f"-import-{_digest(directory, _list_of(study))[:_DIGITS]}"
    lock = WriterLock(study.data)
    try:
        run_id = _run_of(study.data, suffix) or f"{began:%Y-%m-%dT%H-%M-%SZ}{suffix}"
        imported = ImportedMail(run_id, study.data / "rejects" / f"{SOURCE}-{directory.name}.jsonl")
        if run_id in values_of(study.data / "runs", "run_id"):
            imported.already = True
            return imported
        rejects = _Rejects()
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
        _keep_aside(imported.rejects, rejects)
        PartWriter(study.data, "runs", Run).write([_run(study, imported, began)])
        return imported
    finally:
        lock.release()


def _digest(directory: Path, domains: Path | None) -> str:
    whole = hashlib.sha256()
    paths = [directory / name for name in (MX_FILE, ADDRESS_FILE, PLACE_FILE)]
    for path in (*paths, *([domains] if domains else ())):
        if path.name == PLACE_FILE and not path.exists():
            continue
        try:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            mend = "mend domains.list" if path == domains else f"name the directory that holds {MX_FILE}"
            raise StudyError(f"{path}: cannot be read: {error.strerror or error}; {mend}") from None
    return whole.hexdigest()


def _run_of(data: Path, suffix: str) -> str | None:
    """The run of an earlier import of the same files, whether it came to its end or not."""
    for table in ("runs", "domains", "mx", "dns", "hosts"):
        for run_id in values_of(data / table, "run_id"):
            if run_id.endswith(suffix):
                return run_id
    return None


def _read(directory: Path, rejects: _Rejects) -> _Files:
    mx: dict[str, list[MxLine]] = defaultdict(list)
    addresses: dict[str, list[AddressLine]] = defaultdict(list)
    path = directory / MX_FILE
    for record in rejects.sort_out(path, read_mx(path)):
        mx[record.domain].append(record)
    path = directory / ADDRESS_FILE
    for address in rejects.sort_out(path, read_addresses(path)):
        addresses[address.exchange].append(address)
    path = directory / PLACE_FILE
    places = rejects.sort_out(path, read_places(path)) if path.exists() else ()
    return _Files(mx, addresses, {place.ip: place for place in places})


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


def _run(study: Study, imported: ImportedMail, began: datetime) -> Run:
    return Run(
        run_id=imported.run_id,
        stage="import",
        started_at=began,
        ended_at=datetime.now(UTC),
        vantage=study.settings.study.vantage,
        mailcensus_version=__version__,
        settings_json=study.settings.model_dump_json(),
        asked=imported.domains,
        answered=imported.exchanges,
    )


def _keep_aside(path: Path, rejects: _Rejects) -> None:
    path.unlink(missing_ok=True)
    if not rejects.kept:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rejects.kept), encoding="utf-8")
    except OSError as error:
        raise StageFailed(f"{path}: cannot be written: {error.strerror or error}") from None
