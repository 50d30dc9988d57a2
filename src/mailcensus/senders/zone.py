"""The DNS records of an experiment, as a zone file has them, and the MTA-STS policies they speak of."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator

from mailcensus.senders.certificates import Certificates
from mailcensus.senders.conditions import Condition, Sts, Tlsa
from mailcensus.senders.plan import Plan, Post

TTL_S = 300
_ELSEWHERE = "elsewhere.invalid"
_POLICY_AGE_S = 604_800
"""A week; RFC 8461 section 3.2 recommends weeks, and an experiment wants its senders to forget."""


def zone_records(plan: Plan, certificates: Certificates, public_port: int) -> str:
    """Every record below the domain, for its zone file; SOA and NS are those of your name server.

    Raises:
        StudyError: a certificate cannot be read.
    """
    lines = [
        f"; Experiment {plan.run_id}: receivers that are badly secured on purpose. Made by mailcensus senders plan.",
        f"$ORIGIN {plan.domain}.",
        f"$TTL {TTL_S}",
        *(_address(post.host_name, post.ip) for post in plan.posts),
    ]
    box = plan.post_of("mailbox").host_name
    lines += [_record(domain, "MX", f"10 {box}.") for domain in (plan.returns_domain, plan.reports_domain)]
    lines.append(_address(plan.reports_domain, plan.policy_ip))
    for condition in plan.conditions:
        lines += ["", f"; {condition.name}: {condition.title}", *_of(plan, condition)]
        lines += _tlsa(condition, plan.post_of(condition.name), certificates, public_port)
    return "\n".join(lines) + "\n"


def policy_text(plan: Plan, condition: Condition) -> str:
    """The MTA-STS policy of a condition (RFC 8461 section 3.2).

    Raises:
        ValueError: it has none.
    """
    if condition.sts is None:
        raise ValueError(f"{condition.name} has no policy")
    hosts = [post.host_name for post in plan.posts if post.condition == condition.name]
    listed = hosts if condition.sts_lists_us else [_ELSEWHERE]
    lines = ["version: STSv1", f"mode: {condition.sts.value}", *(f"mx: {host}" for host in listed)]
    if condition.sts is Sts.NONE:
        lines = lines[:2]
    return "\r\n".join([*lines, f"max_age: {_POLICY_AGE_S}", ""])


def _of(plan: Plan, condition: Condition) -> Iterator[str]:
    domain = plan.domain_of(condition.name)
    if not condition.implicit:
        yield _record(domain, "MX", f"10 {plan.post_of(condition.name).host_name}.")
    if condition.backup:
        yield _record(domain, "MX", f"20 {plan.post_of(condition.name, backup=True).host_name}.")
    rua = f"mailto:{plan.report_address},https://{plan.reports_domain}/tlsrpt"
    yield _record(f"_smtp._tls.{domain}", "TXT", f'"v=TLSRPTv1; rua={rua}"')
    if condition.sts is not None:
        digest = hashlib.sha256(policy_text(plan, condition).encode()).hexdigest()[:20]
        yield _record(f"_mta-sts.{domain}", "TXT", f'"v=STSv1; id={digest}"')
        yield _address(plan.policy_host(condition.name), plan.policy_ip)


def _tlsa(condition: Condition, post: Post, certificates: Certificates, port: int) -> Iterator[str]:
    """DANE-EE, the key, SHA-256: the one form that RFC 7672 section 3.1.1 recommends most."""
    if condition.tlsa is None:
        return
    digest = hashlib.sha256(certificates.get(condition.now.shows).spki).hexdigest()
    if condition.tlsa is Tlsa.MISMATCH:
        digest = hashlib.sha256(digest.encode()).hexdigest()  # of no key there is
    yield _record(f"_{port}._tcp.{post.host_name}", "TLSA", f"3 1 1 {digest}")


def _address(name: str, ip: str) -> str:
    return _record(name, "A" if ipaddress.ip_address(ip).version == 4 else "AAAA", ip)


def _record(name: str, kind: str, data: str) -> str:
    return f"{name}. IN {kind} {data}"
