"""One value of a table as one HTML cell: what it shows, how it sorts, how it is set.

Cells are made here, in one place, because the rows beyond a table's first page reach the browser as HTML text in
a file of their own; both must look the same and both must be escaped. A large study has a million of them, so they
are put together as f-strings, far quicker than `Markup.format`: only `Markup` and our own words may stand in braces.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import accumulate

import pyarrow as pa
from markupsafe import Markup, escape

from mailcensus.model import Field
from mailcensus.report.csv_files import Value
from mailcensus.report.visible import visible, visible_html

_LIST_CHARACTERS = 80
"""Of a list, the first item and as many more as fit; the CSV file has all."""
_TOLD_MAX = 200
"""Further items told on hover; a million names of one certificate would make a page of megabytes."""
_ITEM_MAX = 60
"""Characters of one item of a list; the CSV file has all."""
_WRITTEN = {
    "ases": "ASes",
    "asn": "AS",
    "asns": "ASes",
    "ip": "address",
    "ok": "OK",
    "sha256": "SHA-256",
    "spki": "SPKI",
    "ssh": "SSH",
    "starttls": "STARTTLS",
    "tls": "TLS",
}
_OCTETS = frozenset(str(octet) for octet in range(256))
UNKNOWN = Markup('<span class="null" title="not known, or nothing to count">–</span>')


NOBODY = "no hosts"
"""What a share of nobody says."""
_NOBODY = Markup('<span class="null" title="there is nobody to have a share of">{}</span>').format(NOBODY)


class Kind(StrEnum):
    """How a column is set and sorted."""

    TEXT = "text"
    NUMBER = "number"
    SHARE = "share"
    HASH = "hash"
    ADDRESS = "address"
    CLUSTER = "cluster"
    READING = "reading"
    LIST = "list"
    PROSE = "wrap"
    PUBLISHED = "published"
    """A share or a count, whichever it stands beside; nobody published a count of one."""


_BY_NAME = {
    "ip": Kind.ADDRESS,
    "first_ip": Kind.ADDRESS,
    "cluster": Kind.CLUSTER,
    "reading": Kind.READING,
    "spki_sha256": Kind.HASH,
    "largest_key": Kind.HASH,
    "port": Kind.TEXT,
    "published": Kind.PUBLISHED,
    "source": Kind.PROSE,
    "definition": Kind.PROSE,
    "meaning": Kind.PROSE,
}
_CLASS = {Kind.SHARE: "number", Kind.CLUSTER: "number", Kind.PUBLISHED: "number", Kind.READING: "tagged"}
_SERIOUS = frozenset({"serious", "same_host"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table on a page."""

    name: str
    label: str
    doc: str
    kind: Kind

    @property
    def is_share(self) -> bool:
        """Whether it is part of a whole."""
        return self.kind is Kind.SHARE

    @property
    def css(self) -> str:
        """Class of its header and cells."""
        return _CLASS.get(self.kind, self.kind.value)


def column_of(field: Field) -> Column:
    """How an analysis column is shown, from its declaration."""
    return Column(field.name, column_label(field.name), field.doc, _kind(field))


def column_label(name: str) -> str:
    """A column's name as people write it."""
    return " ".join(_WRITTEN.get(word, word) for word in name.split("_"))


def cell(
    column: Column, value: Value, *, known_clusters: int, up: str = "", of_nobody: bool = False
) -> Markup:
    """The whole `<td>` for a value.

    Args:
        column: the column it stands in.
        value: what the table holds; None is unknown.
        known_clusters: clusters up to this number have a page to link to.
        up: path from the page to the report's folder.
        of_nobody: it is a share, and its denominator is zero.
    """
    shown, sort_key = (_NOBODY, "") if of_nobody else _shown(column.kind, value, known_clusters, up)
    sort = "" if sort_key is None else f' data-sort="{escape(sort_key)}"'
    return Markup(f'<td class="{column.css}"{sort}>{shown}</td>')


def address_sort_key(address: str) -> str:
    """Sorts IPv4 before IPv6 and both by number; what is no address sorts by its letters."""
    quads = address.split(".")
    if len(quads) == 4 and all(quad in _OCTETS for quad in quads):  # a tenth of the time of ipaddress
        return f"4-{'':0>24}{''.join(f'{int(quad):02x}' for quad in quads)}"
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return visible(address)
    return f"{parsed.version}-{int(parsed):032x}"


def percent(share: float) -> str:
    """A share as text; small ones keep enough digits not to read as nothing."""
    hundredths = share * 100
    return f"{hundredths:.3f} %" if 0 < hundredths < 0.1 else f"{hundredths:.1f} %"


def is_share(kind: Kind, value: float) -> bool:
    """Whether a number is written as per cent."""
    return kind is Kind.SHARE or (kind is Kind.PUBLISHED and value <= 1)


def _kind(field: Field) -> Kind:
    if field.name in _BY_NAME:
        return _BY_NAME[field.name]
    if field.is_list:
        return Kind.LIST
    if field.name == "share" or field.name.endswith("_share"):
        return Kind.SHARE
    return Kind.NUMBER if pa.types.is_integer(field.arrow) or pa.types.is_floating(field.arrow) else Kind.TEXT


def _shown(kind: Kind, value: Value, known_clusters: int, up: str) -> tuple[Markup, str | None]:
    if value is None or value == "":
        return UNKNOWN, ""
    if isinstance(value, float):
        text = percent(value) if is_share(kind, value) else f"{value:,.10g}"
        return escape(text), repr(value)
    if isinstance(value, bool):
        return escape("yes" if value else "no"), str(int(value))
    if isinstance(value, int):
        return _number(kind, value, known_clusters, up), str(value)
    if isinstance(value, datetime):
        return escape(f"{value:%Y-%m-%d %H:%M} UTC"), value.isoformat()
    if isinstance(value, date):
        return escape(value.isoformat()), value.isoformat()
    if isinstance(value, str):
        return _text(kind, value)
    return _list(value)


def _number(kind: Kind, value: int, known_clusters: int, up: str) -> Markup:
    if kind is Kind.CLUSTER and 0 < value <= known_clusters:
        return Markup(f'<a href="{escape(up)}clusters/{value}.html">{value}</a>')
    return Markup(str(value) if kind is Kind.CLUSTER else f"{value:,}")


def _text(kind: Kind, value: str) -> tuple[Markup, str | None]:
    shown = visible_html(value)
    if kind is Kind.ADDRESS:
        return shown, address_sort_key(value)
    if kind is Kind.HASH:
        return Markup(f'<span class="clip" title="{escape(visible(value))}">{shown}</span>'), None
    if kind is Kind.READING:
        tone = "serious" if value in _SERIOUS else "normal"
        return Markup(f'<span class="tag {tone}">{visible_html(value.replace("_", " "))}</span>'), None
    return shown, None


def _fitting(texts: Sequence[str]) -> Sequence[str]:
    lengths = accumulate(len(text) + 2 for text in texts)
    return texts[: max(1, sum(length <= _LIST_CHARACTERS for length in lengths))]


def _item(text: str) -> Markup:
    if len(text) <= _ITEM_MAX:
        return visible_html(text)
    return Markup(f'<span title="{escape(visible(text))}">{visible_html(text[:_ITEM_MAX])}…</span>')


def _list(values: Sequence[str | int]) -> tuple[Markup, str | None]:
    if not values:
        return UNKNOWN, ""
    fitting = _fitting([str(value) for value in values])
    shown = ", ".join(_item(text) for text in fitting)
    rest = values[len(fitting) :]
    if rest:
        told = "; ".join(str(value) for value in rest[:_TOLD_MAX])
        cut = f"; and {len(rest) - _TOLD_MAX:,} more in the CSV file" if len(rest) > _TOLD_MAX else ""
        shown += f' <span class="quiet" title="{escape(visible(told))}{cut}">and {len(rest):,} more</span>'
    return Markup(shown), None
