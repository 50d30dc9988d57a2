"""Whom to write to: a contact file, as CSV or as RDAP answers, told apart by what is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mailcensus.outreach.contacts_csv import read_holdings_csv
from mailcensus.outreach.contacts_rdap import RdapCounts, read_rdap
from mailcensus.outreach.holdings import Holdings
from mailcensus.study import StudyError

_ADDRESS_CHARACTERS = 254
"""RFC 5321 section 4.5.3.1.3, without angle brackets."""
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?=.{1,253}\Z)(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}"
)
"""A mailbox as everybody has it: no comments, quotes, spaces or lists, so nothing that could end a header."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to write to."""

    address: str
    language: str | None = None
    """Of the letter; None: as the command says."""


@dataclass(frozen=True, slots=True)
class Contacts:
    """What a contact file tells."""

    holdings: Holdings[Contact]
    rdap: RdapCounts | None = None
    """How much of an RDAP dump was of use; None: it is CSV."""


def mail_address(text: str) -> str | None:
    """A mail address that can stand in a header as it is; None: it is none. Its domain in lower case."""
    text = text.strip().removeprefix("mailto:")
    if len(text) > _ADDRESS_CHARACTERS or _ADDRESS.fullmatch(text) is None:
        return None
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def read_contacts(path: Path) -> Contacts:
    """Contacts of a CSV file, of a file of RDAP answers, or of a folder of these.

    Raises:
        StudyError: it cannot be read, or a line of CSV says nothing that can be understood.
    """
    if path.is_dir() or _begins_like_json(path):
        holdings: Holdings[Contact] = Holdings()
        return Contacts(holdings, read_rdap(path, holdings, _rdap_contact))
    return Contacts(read_holdings_csv(path, "contact", _csv_contact))


def _rdap_contact(text: str) -> Contact | None:
    address = mail_address(text)
    return None if address is None else Contact(address)


def _csv_contact(row: dict[str, str]) -> Contact:
    address = mail_address(row["contact"])
    if address is None:
        raise ValueError("contact is no mail address")
    return Contact(address, row.get("language") or None)


def _begins_like_json(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
