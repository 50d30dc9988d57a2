"""The two tables of a cluster's page, keys and hosts, and their CSV files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup, escape

from mailcensus.report.cells import UNKNOWN, Column, Kind, address_sort_key
from mailcensus.report.cluster import Cluster, SharedKey, clipped, listed
from mailcensus.report.cluster_groups import NOWHERE, Place
from mailcensus.report.csv_files import write_rows
from mailcensus.report.evidence import CertificateNote, HostEvidence, KeyEvidence, ServiceEvidence
from mailcensus.report.table_view import TableView, row_html, split_rows
from mailcensus.report.visible import visible_html

_CERTIFICATES_LISTED_MAX = 8

_KEY_COLUMNS = (
    Column("key", "key", "its name in the drawing", Kind.TEXT),
    Column("kind", "kind", "algorithm and size", Kind.TEXT),
    Column("hosts", "hosts", "hosts of this cluster that show it", Kind.NUMBER),
    Column("services", "services", "services that show it", Kind.TEXT),
    Column(
        "reading", "cause", "why hosts share it, as far as it can be read, and how sure that is", Kind.TEXT
    ),
    Column("spki_sha256", "canonical key (SPKI SHA-256)", "the same over SSH and TLS", Kind.HASH),
    Column("fingerprints", "fingerprints", "SSH fingerprints and certificates it was shown in", Kind.TEXT),
)
_KEY_HEADER = (
    *("key", "spki_sha256", "kind", "via", "hosts", "services", "ssh_fingerprints", "certificates_sha256"),
    *("reading", "confidence"),
)
_HOST_HEADER = (
    *("ip", "service", "port", "outcome", "stage", "said", "software", "tls_version", "cipher_suite"),
    *("certificate_sha256", "certificate_names", "keys"),
    *("asn", "as_org", "country", "ptr"),
)
_HOST_COLUMNS = (
    Column("host", "host", "its address", Kind.ADDRESS),
    Column("keys", "shared keys", "as named in the table of keys", Kind.TEXT),
    Column("as", "AS", "the AS that announces it", Kind.TEXT),
    Column("country", "country", "where the database says it is used", Kind.TEXT),
    Column("names", "names", "its reverse name and those in its certificates", Kind.TEXT),
    Column("services", "services", "what each service said, or how asking it ended", Kind.TEXT),
)


def keys_view(cluster: Cluster, evidence: Mapping[str, KeyEvidence], folder: Path) -> TableView:
    counts = cluster.hosts_per_key()
    rows = (
        row_html(_key_cells(i, key, counts[key.spki_sha256], evidence.get(key.spki_sha256), cluster.notes))
        for i, key in enumerate(cluster.keys)
    )
    write_rows(
        folder / f"{cluster.number}-keys.csv",
        _KEY_HEADER,
        (_key_record(i, key, counts, evidence) for i, key in enumerate(cluster.keys)),
    )
    caption = (
        "Keys that two or more of these hosts show. Their owners can compare the fingerprints with what "
        "ssh-keygen -l and openssl x509 -fingerprint -sha256 say."
    )
    return _view("keys", "Keys", caption, _KEY_COLUMNS, rows, len(cluster.keys), cluster.number, folder)


def hosts_view(cluster: Cluster, addresses: Sequence[str], folder: Path) -> TableView:
    label = {key.spki_sha256: f"K{i + 1}" for i, key in enumerate(cluster.keys)}
    rows = (
        row_html(_host_cells(ip, cluster.hosts.get(ip), cluster.places.get(ip, NOWHERE), label))
        for ip in addresses
    )
    write_rows(
        folder / f"{cluster.number}-hosts.csv",
        _HOST_HEADER,
        (
            _host_record(ip, service, cluster.notes, cluster.places.get(ip, NOWHERE))
            for ip in addresses
            if ip in cluster.hosts
            for service in cluster.hosts[ip].services
        ),
    )
    caption = "Hosts of this cluster, with what each of their services said when it was last asked."
    return _view("hosts", "Hosts", caption, _HOST_COLUMNS, rows, len(addresses), cluster.number, folder)


def _view(
    name: str,
    title: str,
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Markup],
    total: int,
    cluster: int,
    folder: Path,
) -> TableView:
    more = f"{cluster}-{name}.js"
    first, has_more = split_rows(rows, name, folder / more)
    return TableView(
        name, title, caption, columns, first, total, f"{cluster}-{name}.csv", more if has_more else None
    )


def _key_cells(
    i: int, key: SharedKey, hosts: int, evidence: KeyEvidence | None, notes: Mapping[str, CertificateNote]
) -> list[Markup]:
    prints = (
        [Markup("<li>{}</li>").format(visible_html(p)) for p in sorted(evidence.ssh_fingerprints)]
        if evidence
        else []
    )
    certificates = sorted(evidence.certificates) if evidence else []
    prints += [
        _certificate_item(sha256, notes.get(sha256)) for sha256 in certificates[:_CERTIFICATES_LISTED_MAX]
    ]
    if len(certificates) > _CERTIFICATES_LISTED_MAX:
        rest = len(certificates) - _CERTIFICATES_LISTED_MAX
        prints.append(Markup('<li class="quiet">and {} more certificates in the CSV file</li>').format(rest))
    serious = Markup(' <span class="tag serious">SSH and TLS</span>') if key.via == "both" else ""
    return [
        Markup('<td data-sort="{}"><b>K{}</b>{}</td>').format(i + 1, i + 1, serious),
        Markup("<td>{}</td>").format(visible_html(key.kind)),
        Markup('<td class="number" data-sort="{}">{}</td>').format(hosts, f"{hosts:,}"),
        Markup("<td>{}</td>").format(", ".join(key.services)),
        Markup('<td>{} <span class="quiet">{}</span></td>').format(key.reading.title, key.reading.sureness),
        Markup('<td class="hash whole">{}</td>').format(visible_html(key.spki_sha256)),
        Markup('<td class="hash whole"><ul>{}</ul></td>').format(Markup("").join(prints)),
    ]


def _certificate_item(sha256: str, note: CertificateNote | None) -> Markup:
    if note is None:
        return Markup("<li>{}</li>").format(visible_html(sha256))
    names = visible_html(listed(note.names[:3]) or "no name")
    until = f", until {note.not_after:%Y-%m-%d}" if note.not_after else ""
    return Markup('<li>{} <span class="quiet">{}{}</span></li>').format(visible_html(sha256), names, until)


def _host_cells(ip: str, host: HostEvidence | None, place: Place, label: Mapping[str, str]) -> list[Markup]:
    shown = (
        {label[spki] for service in host.services for spki in service.keys if spki in label}
        if host
        else set()
    )
    keys = sorted(shown, key=lambda name: int(name[1:]))
    known = ([place.ptr] if place.ptr else []) + list(host.names if host else ())
    names = visible_html(", ".join(dict.fromkeys(known))) if known else UNKNOWN
    services = [_service_item(service, label) for service in host.services] if host else []
    return [
        Markup(f'<td class="address" data-sort="{escape(address_sort_key(ip))}">{visible_html(ip)}</td>'),
        Markup(f"<td>{escape(', '.join(keys))}</td>"),
        Markup(f"<td>{visible_html(place.system) if place.system else UNKNOWN}</td>"),
        Markup(f"<td>{visible_html(place.country) if place.country else UNKNOWN}</td>"),
        Markup(f'<td class="long">{names}</td>'),
        Markup(f'<td class="wrap"><ul>{"".join(services)}</ul></td>'),
    ]


def _service_item(service: ServiceEvidence, label: Mapping[str, str]) -> Markup:
    keys = [label[spki] for spki in service.keys if spki in label]
    shows = f' <span class="tag">{escape(", ".join(keys))}</span>' if keys else ""
    said = visible_html(clipped(service.said)) if service.said else Markup("")
    ended = "" if service.outcome == "ok" else service.outcome.replace("_", " ")
    facts = " · ".join(part for part in (ended, service.tls_version) if part)
    named = f"<b>{escape(service.service)}</b>&nbsp;{service.port}{shows}"
    return Markup(f'<li>{named} <span class="quiet">{visible_html(facts)}</span> {said}</li>')


def _key_record(
    i: int, key: SharedKey, counts: Mapping[str, int], evidence: Mapping[str, KeyEvidence]
) -> tuple[str | int | list[str] | None, ...]:
    seen = evidence.get(key.spki_sha256, KeyEvidence())
    return (
        f"K{i + 1}",
        key.spki_sha256,
        key.kind,
        key.via,
        counts[key.spki_sha256],
        list(key.services),
        sorted(seen.ssh_fingerprints),
        sorted(seen.certificates),
        key.reading.reading,
        key.reading.confidence,
    )


def _host_record(
    ip: str, service: ServiceEvidence, notes: Mapping[str, CertificateNote], place: Place
) -> tuple[str | int | list[str] | None, ...]:
    note = notes.get(service.leaf_sha256) if service.leaf_sha256 else None
    return (
        ip,
        service.service,
        service.port,
        service.outcome,
        service.stage,
        service.said,
        service.software,
        service.tls_version,
        service.cipher_suite,
        service.leaf_sha256,
        note.names if note else [],
        sorted(service.keys),
        place.asn,
        place.as_org,
        place.country,
        place.ptr,
    )
