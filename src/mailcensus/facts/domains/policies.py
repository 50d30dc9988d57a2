"""The MTA-STS policy of a domain: fetched, read, and held against its exchanges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from mailcensus.facts.domains.answers import Inquiry
from mailcensus.facts.domains.exchanges import Addresses, addresses_of
from mailcensus.facts.domains.mta_sts import Policy, covers, read_policy
from mailcensus.facts.domains.texts import visible
from mailcensus.model import ExchangeState, MtaSts, Mx, PolicyState
from mailcensus.probe.policy_response import PolicyResponse

Fetch = Callable[[str, Sequence[str]], Awaitable[PolicyResponse]]
"""Asks a policy host, by its name and addresses."""

_MOST_ADDRESSES = 4
_LONGEST_POLICY = 16_000
_UNANSWERED = frozenset({"dns", "timeout", "reset", "closed", "refused", "excluded"})
"""Nobody has said what the policy is; a later try may."""


async def with_policy(
    inquiry: Inquiry, domain: str, record: MtaSts, exchanges: Sequence[Mx], fetch: Fetch
) -> MtaSts:
    """A domain's MTA-STS with its policy.

    Args:
        record: what its TXT record says; it is present.
        exchanges: its exchanges.
        fetch: asks the policy host.
    """
    host = f"mta-sts.{domain}"
    found = await addresses_of(inquiry, host)
    response = await fetch(host, found.all[:_MOST_ADDRESSES]) if found.all else _no_address(found)
    row = replace(
        record,
        fetch=response.outcome,
        status=response.status,
        policy=None if response.body is None else visible_lines(response.body),
    )
    if response.outcome in _UNANSWERED:
        return replace(row, state=PolicyState.UNKNOWN, policy_state=PolicyState.UNKNOWN, error=response.error)
    if response.outcome != "ok":
        return _invalid(row, response.error)
    try:
        return _with(row, read_policy(response.body or ""), exchanges)
    except ValueError as error:
        return _invalid(row, str(error))


def _no_address(found: Addresses) -> PolicyResponse:
    why = found.without
    if why is not None and why.is_known:
        return PolicyResponse("no_address", error="the policy host has no address")
    return PolicyResponse("dns", error=f"addresses of the policy host: {why or 'not asked'}")


def _invalid(row: MtaSts, error: str | None) -> MtaSts:
    return replace(row, state=PolicyState.INVALID, policy_state=PolicyState.INVALID, error=error)


def _with(row: MtaSts, policy: Policy, exchanges: Sequence[Mx]) -> MtaSts:
    names = [mx.exchange for mx in exchanges if mx.state is not ExchangeState.NULL_MX]
    return replace(
        row,
        policy_state=PolicyState.PRESENT,
        mode=policy.mode,
        mx_patterns=policy.mx_patterns,
        max_age_s=policy.max_age_s,
        uncovered=tuple(name for name in names if not any(covers(one, name) for one in policy.mx_patterns)),
    )


def visible_lines(body: str) -> str:
    """A policy as a column may hold it: its lines, nothing that steers a terminal."""
    return "\n".join(visible(line) for line in body[:_LONGEST_POLICY].splitlines())
