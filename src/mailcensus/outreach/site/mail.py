"""Mails that ask for a confirmation, handed to a mail server of our own."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from mailcensus.outreach.site.store import Action
from mailcensus.outreach.site.whom import Whom

_SMTP_S = 20.0
_ROLES = ("postmaster", "abuse")
"""Mailboxes that whoever runs a domain reads: RFC 5321 section 4.5.1, RFC 2142 section 4."""
_DOES = {Action.OPT_OUT: "leave out", Action.WITHDRAW: "include again"}


@dataclass(frozen=True, slots=True)
class Post:
    """How mails leave."""

    host: str
    port: int
    sender: str
    """Of the mails: a mailbox that a person reads."""
    ehlo_name: str

    def send(self, message: EmailMessage) -> None:
        """Hand a mail over.

        Raises:
            OSError: it was not taken (`smtplib.SMTPException` is one).
        """
        with smtplib.SMTP(self.host, self.port, local_hostname=self.ehlo_name, timeout=_SMTP_S) as smtp:
            smtp.send_message(message)

    def message(self, to: Sequence[str], whom: Whom, action: Action, link: str, about: str) -> EmailMessage:
        """A mail that asks those who run a range or domain whether a request is theirs.

        Args:
            to: mail addresses.
            link: that confirms.
            about: link to the page that says who we are.
        """
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = ", ".join(to)
        message["Subject"] = f"Please confirm: {_DOES[action]} {whom.shown}"
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834
        message.set_content(_text(whom, action, link, about))
        return message


def postmasters(whom: Whom) -> tuple[str, ...]:
    """Whom to write to about a domain; nobody about anything else."""
    return () if whom.domain is None else tuple(f"{role}@{whom.domain}" for role in _ROLES)


def _text(whom: Whom, action: Action, link: str, about: str) -> str:
    return (
        f"Somebody asked our measurement of mail servers to {_DOES[action]}\n"
        f"\n"
        f"    {whom.shown}\n"
        f"\n"
        f"If that was you or is right, open this link within seven days and press the button there:\n"
        f"\n"
        f"    {link}\n"
        f"\n"
        f"If not, do nothing: without it nothing changes, and you get no further mail about it today.\n"
        f"\n"
        f"Who we are and what we measure: {about}\n"
    )
