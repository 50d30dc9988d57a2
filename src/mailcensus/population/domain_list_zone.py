"""Zone files (RFC 1035 section 5) as lists of domains: every name in them that has name servers or mail exchanges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import dns.exception
import dns.name
import dns.rdatatype
import dns.zone

from mailcensus.study import StudyError

_LOOK_CHARACTERS = 20_000
_DIRECTIVE = re.compile(r"^\$(?:ORIGIN|TTL)\s", re.MULTILINE | re.IGNORECASE)
_SOA = re.compile(
    r"^(?P<owner>[^\s;]+)[ \t]+(?:\d+[smhdw0-9]*[ \t]+)?(?:IN[ \t]+)?(?:\d+[smhdw0-9]*[ \t]+)?SOA[ \t]",
    re.MULTILINE | re.IGNORECASE,
)


def is_zone_file(text: str) -> bool:
    """Whether a text begins as zone files do: with a directive or an SOA record."""
    head = text[:_LOOK_CHARACTERS]
    return bool(_DIRECTIVE.search(head) or _SOA.search(head))


def zone_rows(path: Path, text: str) -> Iterator[tuple[int, str, Mapping[str, str]]]:
    """Names with NS or MX records, the zone's own first, each with its number, since dnspython tells no lines.

    Raises:
        StudyError: it is no zone file.
    """
    try:
        zone = dns.zone.from_text(
            text, _origin(path, text), relativize=False, check_origin=False, allow_include=False
        )
    except (dns.exception.DNSException, ValueError, KeyError) as error:
        raise StudyError(
            f"{path}: bad zone file: {str(error).splitlines()[0] if str(error) else error!r}"
        ) from None
    wanted = (dns.rdatatype.NS, dns.rdatatype.MX)
    names = [
        name.to_text()
        for name, node in zone.nodes.items()
        if any(node.get_rdataset(zone.rdclass, kind) is not None for kind in wanted)
    ]
    for number, name in enumerate(names, start=1):
        yield number, name, {}


def _origin(path: Path, text: str) -> str | None:
    """The zone's name: of $ORIGIN (None: dnspython finds it), of an absolute SOA, or of the file."""
    if re.search(r"^\$ORIGIN\s", text, re.MULTILINE | re.IGNORECASE):
        return None
    soa = _SOA.search(text)
    if soa is not None and soa["owner"].endswith("."):
        return soa["owner"]
    stem = path.name.removeprefix("db.").removesuffix(".zone").removesuffix(".txt")
    return f"{stem.rstrip('.')}."
