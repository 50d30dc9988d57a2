"""What a reader of a study should say of each cause that makes hosts share keys.

Words of the table `cluster_causes`, spelt out here so that the answer sheet does not depend on who is judged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mailcensus.lab.plan import Cause, Plan

READINGS: Mapping[Cause, str] = {
    Cause.CLONE: "cloned_image",
    Cause.LOAD_BALANCED: "one_operator",
    Cause.CHAIN: "one_operator",
    Cause.RENEWED: "one_operator",
    Cause.CROSS_PROTOCOL_PAIR: "one_operator",
    Cause.DEFAULT_CERTIFICATE: "product_default",
    Cause.DEFAULT_KEY: "product_default",
    Cause.MACHINE: "one_machine",
    Cause.MULTI_HOMED: "one_machine",
    Cause.SHARED_HOSTING: "shared_hosting",
    Cause.CDN: "cdn",
    Cause.WILDCARD: "wildcard",
    Cause.SUSPICIOUS: "suspicious",
    Cause.MIXED: "mixed",
}


@dataclass(frozen=True, slots=True)
class GroupTruth:
    """Hosts that were made together and share keys."""

    cause: Cause
    addresses: frozenset[str]

    @property
    def reading(self) -> str:
        """What should be said of them."""
        return READINGS[self.cause]


def groups_of(plan: Plan, seen: Collection[str]) -> list[GroupTruth]:
    """Groups with two or more addresses among those seen that share keys."""
    members: dict[tuple[Cause, str], set[str]] = {}
    for host in plan.hosts:
        if host.cause in READINGS and host.ip in seen:
            members.setdefault((host.cause, host.group), set()).add(host.ip)
    return [GroupTruth(cause, frozenset(ips)) for (cause, _), ips in members.items() if len(ips) > 1]
