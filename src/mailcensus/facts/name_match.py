"""Whether a certificate is for a host's name (RFC 9525, which replaced RFC 6125).

Names are compared as A-labels, whatever their case. A wildcard counts as the whole first label and for one label; it
is no match for a bare suffix. The common name counts for nothing, and is said where it would have.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import StrEnum


class NameMatch(StrEnum):
    """How a certificate names a host."""

    EXACT = "exact"
    WILDCARD = "wildcard"
    COMMON_NAME_ONLY = "common_name_only"
    """Only the common name does, which verifiers no longer look at (RFC 9525 section 2): no match."""
    NONE = "none"

    @property
    def matches(self) -> bool:
        """Whether a verifier takes it."""
        return self in (NameMatch.EXACT, NameMatch.WILDCARD)


def name_match(
    reference: str | None, sans: Iterable[str] | None, common_name: str | None
) -> NameMatch | None:
    """How a certificate names a host or address.

    Args:
        reference: the name or address asked for; None or not a host name: unknown.
        sans: DNS and IP alternative names, as in `certificates.sans`; None: the certificate has none.
        common_name: of its subject.
    Returns:
        The best match; None where there is no name to compare with.
    """
    wanted = normal_name(reference) if reference is not None else None
    if wanted is None:
        return None
    presented = {name for san in sans or () if (name := _presented(san)) is not None}
    for names, exact, wildcard in (
        (presented, NameMatch.EXACT, NameMatch.WILDCARD),
        ({_presented(common_name or "")}, NameMatch.COMMON_NAME_ONLY, NameMatch.COMMON_NAME_ONLY),
    ):
        if wanted in names:
            return exact
        if _is_host_name(wanted) and _wildcard_for(wanted) in names:
            return wildcard
    return NameMatch.NONE


def normal_name(name: str) -> str | None:
    """A host name in lower-case A-labels without its last dot, or an address as RFC 5952 writes it; else None."""
    name = name.strip().rstrip(".")
    try:
        return str(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        pass
    try:
        normal = name.lower() if name.isascii() else name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return normal if _is_dns_name(normal) else None


def _presented(san: str) -> str | None:
    if san.startswith("*."):
        rest = normal_name(san[2:])
        return f"*.{rest}" if rest is not None and _is_host_name(rest) and "." in rest else None
    return normal_name(san)


def _wildcard_for(name: str) -> str:
    return "*." + name.partition(".")[2]


def _is_host_name(name: str) -> bool:
    return ":" not in name and not name.replace(".", "").isdigit()


def _is_dns_name(name: str) -> bool:
    labels = name.split(".")
    return len(name) <= 253 and all(
        0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum() for label in labels
    )
