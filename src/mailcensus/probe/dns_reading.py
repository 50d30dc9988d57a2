"""What a DNS message says of the question it answers.

Messages are walked here and only the records that answer are decoded, by dnspython where they are more than an
address or a name: reading whole messages with it takes four times as long.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import dns.exception
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from mailcensus.model import AnswerState

BOGUS_CODES = frozenset({1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 27})
"""RFC 8914: unsupported algorithms aside, validation that failed; 27 is an NSEC3 iteration value (RFC 9276)."""
LAME_CODES = frozenset({22, 23})
"""RFC 8914: no reachable authority; network error."""

_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_OPTION = struct.Struct("!HH")
_AD = 0x0020
_A, _CNAME, _SOA, _MX, _AAAA, _OPT, _TLSA = 1, 5, 6, 15, 28, 41, 52
_EDE = 15
_MOST_RECORDS = 500
_MOST_CNAMES = 16
_MOST_ERROR_CHARACTERS = 500
_LONGEST_NAME = 255
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/+*")
_MOST_TTL_S = 0x7FFFFFFF

_STATE_OF_RCODE: Mapping[int, AnswerState] = {
    dns.rcode.NXDOMAIN: AnswerState.NXDOMAIN,
    dns.rcode.SERVFAIL: AnswerState.SERVFAIL,
    dns.rcode.REFUSED: AnswerState.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says; fields as in `model.DnsAnswer`."""

    state: AnswerState
    rcode: int | None = None
    canonical_name: str | None = None
    rdata: tuple[str, ...] = ()
    ttl_s: int | None = None
    authenticated: bool = False
    ede: tuple[int, ...] = ()
    ede_text: str | None = None


def is_truncated(wire: bytes) -> bool:
    """Whether a message has the TC bit: the rest is to be had by TCP."""
    return bool(wire[2] & 0x02)


def read_answer(wire: bytes) -> Reading:
    """Read the answer to one question; any bytes give a reading."""
    try:
        return _read(wire)
    except (dns.exception.DNSException, struct.error, IndexError, ValueError):
        return Reading(AnswerState.MALFORMED)


def _read(wire: bytes) -> Reading:
    _, flags, questions, answers, authorities, others = _HEADER.unpack_from(wire)
    at = _HEADER.size
    asked, kind = "", 0
    if questions:
        asked, at = _name(wire, at)
        kind, _ = _OPTION.unpack_from(wire, at)
        at += _OPTION.size
    if questions > 1:
        raise ValueError("more than one question")
    records = _Records(wire, kind)
    for section, count in enumerate((answers, authorities, others)):
        at = records.take(section, count, at)
    rcode = (flags & 0x0F) | records.more_of_rcode << 4
    return _Answer(asked.lower(), rcode, bool(flags & _AD), records).reading()


@dataclass(slots=True)
class _Records:
    """The records of a message, as far as they matter."""

    wire: bytes
    kind: int
    found: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    """Those of the type asked: TTL, place and length, by owner in lower case."""
    aliases: dict[str, tuple[int, str]] = field(default_factory=dict)
    """CNAMEs: TTL and target in lower case, by owner."""
    negative_ttl_s: int | None = None
    more_of_rcode: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)

    def take(self, section: int, count: int, at: int) -> int:
        """Take one section; gives where it ends."""
        wire = self.wire
        for _ in range(count):
            owner, at = _name(wire, at)
            kind, _, ttl_s, length = _RECORD.unpack_from(wire, at)
            at += _RECORD.size
            if at + length > len(wire):
                raise ValueError("a record beyond the end")
            if kind == _OPT and section == 2:
                self.more_of_rcode = ttl_s >> 24
                self.errors.extend(_errors(wire[at : at + length]))
            elif section == 0 and kind == self.kind:
                self.found.setdefault(owner.lower(), []).append((ttl_s, at, length))
            elif section == 0 and kind == _CNAME:
                self.aliases.setdefault(owner.lower(), (ttl_s, _name(wire, at)[0].lower()))
            elif section == 1 and kind == _SOA and length >= 4:
                minimum = int.from_bytes(wire[at + length - 4 : at + length], "big")
                self.negative_ttl_s = min(ttl_s, minimum)  # RFC 2308 section 5
            at += length
        return at


@dataclass(slots=True)
class _Answer:
    asked: str
    rcode: int
    authenticated: bool
    records: _Records

    def reading(self) -> Reading:
        """All of it."""
        records = self.records
        owner, ttl_s = self.asked, _MOST_TTL_S
        for _ in range(_MOST_CNAMES):
            if owner in records.found or owner not in records.aliases:
                break
            alias_ttl_s, owner = records.aliases[owner]
            ttl_s = min(ttl_s, alias_ttl_s)
        else:
            return self._reading(AnswerState.ERROR)  # CNAMEs in a circle
        if self.rcode != dns.rcode.NOERROR:
            return self._reading(self._failure(), owner, (), ttl_s)
        found = records.found.get(owner, [])
        if not found:
            return self._reading(AnswerState.NODATA, owner, (), ttl_s)
        ttl_s = min(ttl_s, *(record[0] for record in found))
        texts = {_text(records.wire, records.kind, at, length) for _, at, length in found[:_MOST_RECORDS]}
        return self._reading(AnswerState.ANSWER, owner, tuple(sorted(texts)), ttl_s)

    def _failure(self) -> AnswerState:
        state = _STATE_OF_RCODE.get(self.rcode, AnswerState.ERROR)
        if state is not AnswerState.SERVFAIL:
            return state
        codes = {code for code, _ in self.records.errors}
        if BOGUS_CODES & codes:
            return AnswerState.BOGUS
        return AnswerState.LAME if LAME_CODES & codes else state

    def _reading(
        self,
        state: AnswerState,
        owner: str | None = None,
        rdata: tuple[str, ...] = (),
        ttl_s: int = _MOST_TTL_S,
    ) -> Reading:
        records = self.records
        if not rdata and records.negative_ttl_s is not None:
            ttl_s = min(ttl_s, records.negative_ttl_s)
        text = "; ".join(text for _, text in records.errors if text)[:_MOST_ERROR_CHARACTERS]
        return Reading(
            state,
            rcode=self.rcode,
            canonical_name=owner if owner not in (None, self.asked) else None,
            rdata=rdata,
            ttl_s=ttl_s if ttl_s < _MOST_TTL_S else None,
            authenticated=self.authenticated,
            ede=tuple(code for code, _ in records.errors),
            ede_text=text or None,
        )


def _text(wire: bytes, kind: int, at: int, length: int) -> str:
    """A record as master files write it; of one that breaks the rules of its type the bytes (RFC 3597 section 5)."""
    if kind == _A and length == 4:
        return socket.inet_ntop(socket.AF_INET, wire[at : at + 4])
    if kind == _AAAA and length == 16:
        return socket.inet_ntop(socket.AF_INET6, wire[at : at + 16])
    if kind == _MX and length > 2:
        return f"{int.from_bytes(wire[at : at + 2], 'big')} {_absolute(_name(wire, at + 2)[0])}"
    if kind == _TLSA and length >= 3:  # dnspython takes none whose data has another length than it should
        return f"{wire[at]} {wire[at + 1]} {wire[at + 2]} {wire[at + 3 : at + length].hex()}"
    rdtype = dns.rdatatype.RdataType.make(kind)
    try:
        return dns.rdata.from_wire(dns.rdataclass.IN, rdtype, wire, at, length).to_text()
    except (dns.exception.DNSException, ValueError):
        return f"\\# {length} {wire[at : at + length].hex()}".rstrip()


def _absolute(name: str) -> str:
    return name if name == "." else f"{name}."


def _name(wire: bytes, at: int) -> tuple[str, int]:
    """A name without its last dot (`.` for the root), and where it ends; RFC 1035 section 4.1.4.

    Raises:
        IndexError, ValueError: it is none.
    """
    labels: list[str] = []
    end, lowest, size = -1, at, 0
    while (length := wire[at]) != 0:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | wire[at + 1]
            if target >= lowest:  # only backwards, so it ends
                raise ValueError("a pointer forwards")
            end = at + 2 if end < 0 else end
            at = lowest = target
            continue
        if length > 63:
            raise ValueError("a label of no known kind")
        label = wire[at + 1 : at + 1 + length]
        size += length + 1
        if len(label) < length or size > _LONGEST_NAME:
            raise ValueError("a name beyond the end, or too long")
        labels.append(_label(label))
        at += length + 1
    return ".".join(labels) or ".", at + 1 if end < 0 else end


def _label(label: bytes) -> str:
    """As master files write it (RFC 1035 section 5.1)."""
    if _PLAIN.issuperset(label):
        return label.decode("ascii")
    return "".join(
        chr(byte) if byte in _PLAIN else f"\\{chr(byte)}" if byte in b'"().;\\@$' else _decimal(byte)
        for byte in label
    )


def _decimal(byte: int) -> str:
    return chr(byte) if 0x20 < byte < 0x7F else f"\\{byte:03d}"


def _errors(options: bytes) -> Iterator[tuple[int, str]]:
    """Extended errors among EDNS options: code and text (RFC 8914 section 2)."""
    at = 0
    while at + _OPTION.size <= len(options):
        code, length = _OPTION.unpack_from(options, at)
        at += _OPTION.size
        data = options[at : at + length]
        if code == _EDE and len(data) >= 2:
            text = data[2:].decode("utf-8", "replace").rstrip("\0")
            yield int.from_bytes(data[:2], "big"), "".join(c if c.isprintable() else "?" for c in text)
        at += length
