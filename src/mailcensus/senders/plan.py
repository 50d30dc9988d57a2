"""The plan of an experiment: which receiver is where, under which name, and which message goes to it.

It is kept in `senders/plan.json` and only ever grows: planning again adds receivers and tokens for new conditions and
senders, and leaves the rest as it is, since DNS and mail under way name it.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from mailcensus.dataset.files import replace_file
from mailcensus.senders.conditions import BY_NAME, CONDITIONS, MAILBOX, Condition
from mailcensus.senders.tokens import new_token
from mailcensus.study import StageFailed, Study, StudyError
from mailcensus.study.sections import SendersSection

_REPORT_BOX = "tlsrpt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One receiver: a name and an address."""

    condition: str
    """Name of its condition, or `mailbox`."""
    backup: bool
    host_name: str
    ip: str
    port: int

    @property
    def plays(self) -> Condition:
        """How it behaves; a backup is as a receiver with nothing wrong."""
        return MAILBOX if self.backup or self.condition == MAILBOX.name else BY_NAME[self.condition]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedToken:
    """One message to be sent."""

    token: str
    sender: str
    condition: str
    planned_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An experiment."""

    run_id: str
    domain: str
    policy_ip: str
    posts: tuple[Post, ...]
    tokens: tuple[PlannedToken, ...]

    @property
    def conditions(self) -> list[Condition]:
        """Those that are played, in the order of the table."""
        played = {post.condition for post in self.posts}
        return [condition for condition in CONDITIONS if condition.name in played]

    def domain_of(self, condition: str) -> str:
        """The domain of a condition's recipients."""
        return f"{label(condition)}.{self.domain}"

    def recipient(self, token: PlannedToken) -> str:
        """Where a message goes to."""
        return f"{token.token}@{self.domain_of(token.condition)}"

    def post_of(self, condition: str, *, backup: bool = False) -> Post:
        """The receiver of a condition."""
        return next(post for post in self.posts if (post.condition, post.backup) == (condition, backup))

    def policy_host(self, condition: str) -> str:
        """Where its MTA-STS policy is (RFC 8461 section 3.3)."""
        return f"mta-sts.{self.domain_of(condition)}"

    @property
    def returns_domain(self) -> str:
        """Domain of bounces, where a sender's return address can be chosen: `<token>@` it."""
        return f"returns.{self.domain}"

    @property
    def reports_domain(self) -> str:
        """Domain of TLS reports, by mail and by HTTPS."""
        return f"reports.{self.domain}"

    @property
    def report_address(self) -> str:
        """Where TLS reports go to by mail."""
        return f"{_REPORT_BOX}@{self.reports_domain}"

    @property
    def certificate_names(self) -> list[str]:
        """All names that certificates are for, each once."""
        policies = [self.policy_host(each.name) for each in self.conditions if each.sts is not None]
        return [*(post.host_name for post in self.posts), *policies, self.reports_domain]

    def to_json(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), indent=1) + "\n"


def label(name: str) -> str:
    """A condition's name in host names."""
    return name.replace("_", "-")


def plan_file(study: Study) -> Path:
    """Where the plan is kept."""
    return study.directory / "senders" / "plan.json"


def read_plan(study: Study) -> Plan | None:
    """The plan; None: there is none yet.

    Raises:
        StudyError: it cannot be read.
    """
    path = plan_file(study)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        posts = tuple(Post(**post) for post in raw.pop("posts"))
        for post in posts:
            _ = post.plays
        return Plan(**{**raw, "posts": posts, "tokens": tuple(PlannedToken(**t) for t in raw.pop("tokens"))})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"{path}: cannot be read ({error!r}); restore it, or remove it to begin anew"
        ) from None


def write_plan(study: Study, plan: Plan) -> None:
    """Keep it.

    Raises:
        StageFailed: it cannot be written.
    """
    path = plan_file(study)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, plan.to_json().encode())
    except OSError as error:
        raise StageFailed(f"{path}: cannot be written: {error.strerror or error}") from error


def make_plan(settings: SendersSection, old: Plan | None, now: datetime) -> Plan:
    """The plan for these settings; what an old one has stays.

    Raises:
        StudyError: a setting is missing or wrong, or there are too few addresses.
    """
    domain = _domain(settings, old)
    wanted = _wanted(settings)
    taken = {post.ip for post in old.posts} | {old.policy_ip} if old else set[str]()
    free = (ip for ip in _addresses(settings) if ip not in taken)
    try:
        policy_ip = old.policy_ip if old else next(free)
        posts = list(old.posts if old else ())
        have = {(post.condition, post.backup) for post in posts}
        for condition, backup in _posts([MAILBOX, *wanted]):
            if (condition.name, backup) not in have:
                posts.append(_post(settings, condition, domain, next(free), backup=backup))
    except StopIteration:
        needed = len(list(_posts([MAILBOX, *wanted]))) + 1
        raise StudyError(
            f"senders.addresses: {needed} addresses are needed for {len(wanted)} conditions; give more, or name fewer "
            "in senders.conditions"
        ) from None
    plan = Plan(
        run_id=old.run_id if old else f"{now:%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(2)}",
        domain=domain,
        policy_ip=policy_ip,
        posts=tuple(posts),
        tokens=old.tokens if old else (),
    )
    return replace(plan, tokens=(*plan.tokens, *_new_tokens(plan, settings, wanted, now)))


def _new_tokens(
    plan: Plan, settings: SendersSection, wanted: list[Condition], now: datetime
) -> Iterator[PlannedToken]:
    have = {(token.sender, token.condition) for token in plan.tokens}
    for sender in settings.who:
        for condition in wanted:
            if (sender, condition.name) not in have:
                yield PlannedToken(
                    token=new_token(), sender=sender, condition=condition.name, planned_at=now.isoformat()
                )


def _domain(settings: SendersSection, old: Plan | None) -> str:
    if settings.domain is None:
        raise StudyError("senders.domain: not set; give a domain of your own that nothing else uses")
    domain = settings.domain.strip().rstrip(".").lower()
    labels = domain.split(".")
    if len(domain) > 150 or not all(0 < len(each) <= 63 and each.isascii() for each in labels):
        raise StudyError(
            f"senders.domain: {settings.domain!r} is no domain name; write it in ASCII (A-labels)"
        )
    if old is not None and old.domain != domain:
        raise StudyError(
            f"senders.domain: the experiment under way has {old.domain}; begin another study for {domain}"
        )
    return domain


def _wanted(settings: SendersSection) -> list[Condition]:
    for name in settings.conditions:
        if name not in BY_NAME:
            raise StudyError(
                f"senders.conditions: no condition {name!r}; see: mailcensus senders plan --list"
            )
    names = settings.conditions or tuple(BY_NAME)
    return [condition for condition in CONDITIONS if condition.name in names]


def _posts(conditions: list[Condition]) -> Iterator[tuple[Condition, bool]]:
    for condition in conditions:
        yield condition, False
        if condition.backup:
            yield condition, True


def _post(settings: SendersSection, condition: Condition, domain: str, ip: str, *, backup: bool) -> Post:
    return Post(
        condition=condition.name,
        backup=backup,
        host_name=f"{label(condition.name)}{'-backup' if backup else ''}.mx.{domain}",
        ip=ip,
        port=settings.smtps_port if condition.implicit else settings.smtp_port,
    )


def _addresses(settings: SendersSection) -> Iterator[str]:
    """Every address of the setting; of a prefix at most 4,096, network and broadcast addresses left out."""
    for text in settings.addresses:
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            raise StudyError(f"senders.addresses: {error}") from None
        yield from map(str, islice(network.hosts(), 4_096))
