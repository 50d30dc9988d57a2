"""Whose host is whose: hosts in groups, one of which each notice is for, and whom to write to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import of_run
from mailcensus.outreach.contacts import Contact
from mailcensus.outreach.holdings import Holdings, HostFacts
from mailcensus.outreach.pseudonyms import file_part
from mailcensus.population.registered_domains import host_name, registered_domain

_PLAIN = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}")


class By(StrEnum):
    """What makes a group."""

    AS = "as"
    CONTACT = "contact"
    DOMAIN = "domain"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts whose operator gets one notice."""

    by: By
    key: str
    """AS number in digits, mail address, domain, or the name in the grouping file."""
    hosts: tuple[HostFacts, ...]
    contact: Contact | None

    @property
    def recipient(self) -> str:
        """What pseudonyms are made for: no two groups have the same."""
        return f"{self.by}:{self.key}"

    @property
    def title(self) -> str:
        """What the group is called."""
        return f"AS{self.key}" if self.by is By.AS else self.key

    @property
    def folder(self) -> str:
        """The name of its folder: of letters, digits and dots, and of this group alone."""
        name = self.title.lower()
        if _PLAIN.fullmatch(name) and (name == self.title or self.by is By.AS):
            return name
        plain = re.sub(r"[^a-z0-9.]+", "-", name).strip("-.")[:60]
        return f"{plain or 'group'}_{file_part(self.key)}"


def host_facts(evidence: Evidence) -> dict[str, HostFacts]:
    """What is known of every host of a run that took a connection, by address.

    A reverse name counts only where it points back at the host: anybody can give their address anybody's name.
    """
    hosts = evidence.hosts.filter(evidence.hosts.connected).select("host", "ip")
    known = hosts.join(evidence.host_facts, "host").select("ip", "asn", "as_org")
    asked = of_run(evidence.dataset.table("hosts"), evidence.run_id)
    confirmed = asked.filter(asked.ptr_confirmed.fill_null(False)).group_by("ip").agg(ptr=asked.ptr.min())
    rows = known.left_join(confirmed, "ip").select("ip", "asn", "as_org", "ptr").to_pyarrow()
    facts = {}
    for ip, asn, as_org, ptr in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        name = host_name(ptr)
        facts[ip] = HostFacts(ip, asn, as_org, name, registered_domain(name) if name else None)
    return facts


def group_of(
    host: HostFacts, by: By, contacts: Holdings[Contact] | None, grouping: Holdings[str] | None
) -> str | None:
    """The key of a host's group; None: it has none, and nobody can be told."""
    match by:
        case By.AS:
            return None if host.asn is None else str(host.asn)
        case By.DOMAIN:
            return host.domain
        case By.CONTACT:
            contact = contacts.of_host(host) if contacts else None
            return None if contact is None else contact.address
        case By.GROUP:
            return grouping.of_host(host) if grouping else None


def contact_of(
    by: By, key: str, hosts: Iterable[HostFacts], contacts: Holdings[Contact] | None
) -> Contact | None:
    """Whom to write to: who is named for the group itself, else for every one of its hosts."""
    if contacts is None:
        return None
    named: Mapping[By, Contact | None] = {
        By.AS: contacts.by_asn.get(int(key)) if by is By.AS else None,
        By.DOMAIN: contacts.by_domain.get(key),
        By.GROUP: contacts.by_group.get(key),
    }
    if (found := named.get(by)) is not None:
        return found
    each = {contacts.of_host(host) for host in hosts}
    return each.pop() if len(each) == 1 else None
