"""What all connections of an experiment share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mailcensus.model import Attempt, TlsReport
from mailcensus.senders.contexts import Contexts
from mailcensus.senders.deferrals import Deferrals
from mailcensus.senders.gate import Gate
from mailcensus.senders.keeping import Keeper
from mailcensus.senders.plan import Plan, Post
from mailcensus.senders.reverse_names import ReverseNames
from mailcensus.senders.tls_reports import Arrival, NoReport, read_report, report_of_mail, unreadable
from mailcensus.senders.tokens import token_of
from mailcensus.study.sections import SendersSection


@dataclass(slots=True)
class House:
    """The experiment as it is served."""

    plan: Plan
    settings: SendersSection
    contexts: Contexts
    keeper: Keeper
    deferrals: Deferrals
    gate: Gate
    names: ReverseNames
    keep_report: Callable[[list[TlsReport]], None]
    trouble: list[Exception] = field(default_factory=list)
    """What came up in a connection and ends the service, such as a full disk."""

    def keep(self, record: Attempt, over: bool) -> None:
        """Take a record of an attempt."""
        self.keeper.keep(record, over)
        if over:
            self.deferrals.note(record)

    def take_report_mail(self, message: bytes, client_ip: str) -> None:
        """Read a mail to the report address."""
        arrival = self.arrival("mail", client_ip)
        try:
            raw = report_of_mail(message)
        except NoReport as reason:
            self.keep_report([unreadable(arrival, str(reason))])
            return
        self.keep_report(read_report(raw, arrival, self.condition_of))

    def arrival(self, via: str, client_ip: str) -> Arrival:
        """A report that comes now."""
        return Arrival(run_id=self.plan.run_id, arrived_at=datetime.now(UTC), via=via, client_ip=client_ip)

    def condition_of(self, domain: str) -> str | None:
        """The condition whose recipients' domain this is."""
        for condition in self.plan.conditions:
            if self.plan.domain_of(condition.name) == domain:
                return condition.name
        return None


class PostRecipients:
    """The recipients of one receiver: planned tokens at its own domain; at the mailbox, bounces and reports too."""

    def __init__(self, plan: Plan, post: Post) -> None:
        self._tokens = frozenset(token.token for token in plan.tokens)
        self._domains = {plan.domain_of(post.condition)}
        self._report_address: str | None = None
        if post.condition == "mailbox":
            self._domains = {plan.returns_domain}
            self._report_address = plan.report_address

    def find(self, local_part: str, domain: str) -> tuple[bool, str | None]:
        """See receiver.Recipients."""
        if self.is_report(local_part, domain):
            return True, None
        token = token_of(local_part)
        ours = domain in self._domains and token in self._tokens
        return ours, token if ours else None

    def is_report(self, local_part: str, domain: str) -> bool:
        """Whether this is where reports go to."""
        return f"{local_part.lower()}@{domain}" == self._report_address
