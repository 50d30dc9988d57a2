"""DNSSEC validated by ourselves (RFC 4035 section 5): from a trust anchor down to the answer, a resolver only carries.

Asked with the DO and CD bits, so what is bogus comes too. Signatures, keys and their times are checked by dnspython.
Where there is nothing, the records that say so must be there and signed; whether they cover exactly what was asked is
checked for delegations, on which the verdict insecure rests, and not beyond them, nor for wildcards.
"""

from __future__ import annotations

import asyncio
from base64 import b32encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.DS import DS
from dns.rdtypes.ANY.NSEC import NSEC
from dns.rdtypes.ANY.NSEC3 import NSEC3

from mailcensus.model import DnssecState
from mailcensus.study import StudyError

ROOT_ANCHORS = (
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
)
"""IANA's of 2017 and 2024 (https://data.iana.org/root-anchors/root-anchors.xml)."""

Carry = Callable[[str, str], Awaitable[dns.message.Message | None]]
"""Brings the answer to a name and type with its signatures; None: none came."""

_OPT_OUT = 1
_SHA1 = 1
"""The one hash that NSEC3 has; records of another one are as good as not there (RFC 5155 section 8.1)."""
_TO_BASE32HEX = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHIJKLMNOPQRSTUV")
"""RFC 4648 section 7, in which NSEC3 writes its hashes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a validation."""

    state: DnssecState
    error: str | None = None


class _Bogus(Exception):
    """Signatures that do not hold, or are missing."""


class _Unknown(Exception):
    """An answer that did not come."""


class _Insecure(Exception):
    """A delegation without DS, or by algorithms that nobody here knows."""


@dataclass(frozen=True, slots=True)
class _Zone:
    """A zone whose keys have been validated."""

    name: dns.name.Name
    keys: dns.rdataset.Rdataset


def trust_anchors(path: Path | None) -> tuple[DS, ...]:
    """DS records of the root: those of a file, or IANA's.

    Raises:
        StudyError: the file cannot be read, or has no DS record.
    """
    try:
        lines = ROOT_ANCHORS if path is None else path.read_text(encoding="utf-8").splitlines()
        found = [_anchor(line.partition(";")[0].split()) for line in lines if line.partition(";")[0].strip()]
    except (OSError, UnicodeDecodeError, ValueError, dns.exception.DNSException) as error:
        raise StudyError(
            f"{path}: no file of DS records of the root ({error}); mend dns.trust_anchors"
        ) from None
    if not found:
        raise StudyError(f"{path}: holds no DS record of the root; mend dns.trust_anchors")
    return tuple(found)


def _anchor(words: Sequence[str]) -> DS:
    """`. 3600 IN DS 20326 8 2 ABC...`, TTL and class left out or not."""
    if words[0] != "." or "DS" not in words:
        raise ValueError(f"not a DS record of the root: {' '.join(words)[:60]}")
    text = " ".join(words[words.index("DS") + 1 :])
    found = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.DS, text)
    assert isinstance(found, DS)
    return found


class Validator:
    """Validates answers; zones are validated once and kept."""

    def __init__(self, carry: Carry, anchors: Sequence[DS]) -> None:
        self._carry = carry
        self._anchors = anchors
        self._zones: dict[dns.name.Name, asyncio.Task[_Zone | None]] = {}

    async def validate(self, name: str, kind: str) -> Verdict:
        """Whether the answer to a question is secure."""
        try:
            asked = dns.name.from_text(name)
            zone = await self._zone_of(asked)
            self._check(await self._ask(asked, dns.rdatatype.from_text(kind)), asked, kind, zone)
        except _Insecure as why:
            return Verdict(DnssecState.INSECURE, str(why) or None)
        except _Bogus as why:
            return Verdict(DnssecState.BOGUS, str(why))
        except (_Unknown, dns.exception.DNSException) as why:
            return Verdict(DnssecState.UNKNOWN, str(why))
        return Verdict(DnssecState.SECURE)

    async def _zone_of(self, name: dns.name.Name) -> _Zone:
        """The zone that a name is in, validated from the root down."""
        zone = await self._once(dns.name.root, None)
        assert zone is not None
        for depth in range(2, len(name.labels) + 1):
            below = await self._once(dns.name.Name(name.labels[-depth:]), zone)
            zone = below or zone
        return zone

    async def _once(self, name: dns.name.Name, above: _Zone | None) -> _Zone | None:
        task = self._zones.get(name)
        if task is None:
            task = asyncio.create_task(self._root() if above is None else self._child(name, above))
            self._zones[name] = task
        return await asyncio.shield(task)

    async def _root(self) -> _Zone:
        return await self._zone(dns.name.root, self._anchors)

    async def _child(self, name: dns.name.Name, above: _Zone) -> _Zone | None:
        """The zone of a name where it is one; None: it is not delegated."""
        answer = await self._ask(name, dns.rdatatype.DS)
        found = answer.get_rrset(answer.answer, name, dns.rdataclass.IN, dns.rdatatype.DS)
        if found is None:
            _check_no_ds(answer, name, above)
            return None
        _verify(answer.answer, found, above)
        return await self._zone(name, [ds for ds in found if isinstance(ds, DS)])

    async def _zone(self, name: dns.name.Name, digests: Sequence[DS]) -> _Zone:
        """A zone whose keys are signed by one that a DS names."""
        answer = await self._ask(name, dns.rdatatype.DNSKEY)
        keys = answer.get_rrset(answer.answer, name, dns.rdataclass.IN, dns.rdatatype.DNSKEY)
        if keys is None:
            raise _Bogus(f"{name} has no DNSKEY")
        named = dns.rdataset.Rdataset(dns.rdataclass.IN, dns.rdatatype.DNSKEY)
        known = [ds for ds in digests if _is_known(ds)]
        if not known:
            raise _Insecure(f"{name}: no algorithm of its DS is known")
        for key in keys:
            if any(_digest(name, key, ds) == ds for ds in known):
                named.add(key)
        _verify(answer.answer, keys, _Zone(name, named))
        return _Zone(name, keys)

    async def _ask(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.message.Message:
        answer = await self._carry(name.to_text(), kind.name)
        if answer is None:
            raise _Unknown(f"no answer to {name} {kind.name}")
        return answer

    def _check(self, answer: dns.message.Message, name: dns.name.Name, kind: str, zone: _Zone) -> None:
        """The records at the name itself; what an alias leads to has a verdict of its own."""
        for wanted in (dns.rdatatype.from_text(kind), dns.rdatatype.CNAME):
            found = answer.get_rrset(answer.answer, name, dns.rdataclass.IN, wanted)
            if found is not None:
                _verify(answer.answer, found, zone)
                return
        _check_denial(answer, zone)


def _is_known(ds: DS) -> bool:
    return int(ds.digest_type) in (1, 2, 4)


def _digest(name: dns.name.Name, key: dns.rdata.Rdata, ds: DS) -> DS | None:
    try:
        return dns.dnssec.make_ds(name, key, ds.digest_type, validating=True)
    except dns.exception.DNSException:
        return None


def _verify(section: Sequence[dns.rrset.RRset], rrset: dns.rrset.RRset, zone: _Zone) -> None:
    """Raises _Bogus where no signature of the zone holds."""
    signatures = next(
        (
            one
            for one in section
            if one.name == rrset.name and one.rdtype == dns.rdatatype.RRSIG and one.covers == rrset.rdtype
        ),
        None,
    )
    about = f"{rrset.name} {rrset.rdtype.name}"
    if signatures is None:
        raise _Bogus(f"{about} is not signed")
    try:
        dns.dnssec.validate(rrset, signatures, {zone.name: zone.keys})
    except dns.exception.DNSException as error:
        raise _Bogus(f"{about}: {str(error) or type(error).__name__}") from None


def _denials(answer: dns.message.Message, zone: _Zone) -> list[dns.rrset.RRset]:
    """NSEC and NSEC3 records of the authority section, their signatures verified."""
    kinds = (dns.rdatatype.NSEC, dns.rdatatype.NSEC3)
    found = [rrset for rrset in answer.authority if rrset.rdtype in kinds]
    for rrset in found:
        _verify(answer.authority, rrset, zone)
    return found


def _check_denial(answer: dns.message.Message, zone: _Zone) -> None:
    if not _denials(answer, zone):
        raise _Bogus("nothing says that there is no such record")


def _check_no_ds(answer: dns.message.Message, name: dns.name.Name, zone: _Zone) -> None:
    """Raises _Insecure where a name is delegated without DS, and returns where it is not delegated."""
    if any(rrset.rdtype == dns.rdatatype.CNAME for rrset in answer.answer):
        return
    denials = _denials(answer, zone)
    if not denials:
        raise _Bogus(f"nothing says that {name} has no DS")
    for rrset in denials:
        record = rrset[0]
        if isinstance(record, NSEC) and rrset.name == name:
            _insecure_where_delegated(name, record.windows)
        elif isinstance(record, NSEC3) and record.algorithm == _SHA1:
            hashed = dns.dnssec.nsec3_hash(name, record.salt, record.iterations, record.algorithm)
            owner = rrset.name.labels[0].decode("ascii", "backslashreplace").upper()
            if owner == hashed:
                _insecure_where_delegated(name, record.windows)
            elif record.flags & _OPT_OUT and _is_between(owner, hashed, record):
                raise _Insecure(f"{name} may be delegated without DS (opt-out)")


def _is_between(owner: str, hashed: str, record: NSEC3) -> bool:
    following = b32encode(record.next).decode("ascii").translate(_TO_BASE32HEX).rstrip("=")
    return owner < hashed < following or (following <= owner and (hashed > owner or hashed < following))


def _insecure_where_delegated(name: dns.name.Name, windows: Sequence[tuple[int, bytes]]) -> None:
    has_ns = any(window == 0 and len(bits) > 0 and bits[0] & 0x20 for window, bits in windows)
    has_soa = any(window == 0 and len(bits) > 0 and bits[0] & 0x02 for window, bits in windows)
    if has_ns and not has_soa:
        raise _Insecure(f"{name} is delegated without DS")
