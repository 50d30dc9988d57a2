"""A notice's files: letter.txt, letter.eml, hosts.csv, others.csv, notice.json."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from mailcensus.analysis.csv_text import csv_cell
from mailcensus.outreach.contacts import Contact, mail_address
from mailcensus.outreach.letter import Letter, Sender
from mailcensus.outreach.notices_told import Told

FORMAT = 1
"""Of notice.json."""
_HOSTS = ("priority", "ip", "name", "concern", "services", "ports", "key", "algorithm", "bits", "flaws", "others",
          "operators")  # fmt: skip
_OTHERS = ("key", "host", "operator", "services")


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice to one operator."""

    notice: str
    """Its name: the run, what makes a group, and the folder."""
    run_id: str
    recipient: str
    """Of whom pseudonyms were made for, as `Group.recipient`."""
    title: str
    organisation: str | None
    contact: Contact | None
    sender: Sender
    told: Told
    letter: Letter
    keys_checked: int


def write_notice(folder: Path, notice: Notice) -> None:
    """Write all files of a notice into a new folder.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True)
    files = {
        "hosts.csv": csv_bytes(_HOSTS, _host_rows(notice.told)),
        "others.csv": csv_bytes(_OTHERS, _other_rows(notice.told)),
        "notice.json": json_bytes(notice),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "letter.txt").write_text(
        f"{notice.letter.subject}\n\n{notice.letter.body}", encoding="utf-8", newline="\n"
    )
    (folder / "letter.eml").write_bytes(mail_bytes(notice, files))


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """UTF-8 CSV, RFC 4180, that a spreadsheet opens without running anything in it; nothing is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return csv_cell(" ".join(map(str, value)))
    return csv_cell(str(value))


def _host_rows(told: Told) -> Iterable[Sequence[object]]:
    keys = {key.key: key for key in told.keys}
    for host in told.hosts:
        for finding in host.findings:
            key = keys.get(finding.key or "")
            of_key = (key.key, key.algorithm, key.bits) if key else (None, None, None)
            counts = (key.others, key.operators) if key else (None, None)
            yield (finding.priority, host.ip, host.name, str(finding.concern), finding.services, finding.ports, *of_key,
                   finding.flaws, *counts)  # fmt: skip


def _other_rows(told: Told) -> Iterable[Sequence[object]]:
    for key in told.keys:
        for peer in key.peers:
            yield key.key, peer.host, peer.operator, peer.services


def json_bytes(notice: Notice) -> bytes:
    """All that is told, for programs."""
    whole = {
        "format": FORMAT,
        "notice": notice.notice,
        "run_id": notice.run_id,
        "about": {
            "recipient": notice.recipient,
            "name": notice.title,
            "organisation": notice.organisation,
            "pseudonym": notice.told.you,
        },
        "to": notice.contact.address if notice.contact else None,
        "from": notice.sender,
        "keys_checked": notice.keys_checked > 0,
        "hosts": notice.told.hosts,
        "keys": notice.told.keys,
    }
    return (json.dumps(whole, default=_fields) + "\n").encode()


def _fields(record: Any) -> dict[str, object]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def mail_bytes(notice: Notice, files: dict[str, bytes]) -> bytes:
    """The letter and its files as a draft that a mail program opens (RFC 5322); nobody sends it but you.

    Addresses are those that `mail_address` lets through, the subject is one visible line: nothing can add a header.
    """
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = notice.letter.subject
    sender = mail_address(notice.sender.contact)
    if sender is not None:
        mail["From"] = sender
    if notice.contact is not None:
        mail["To"] = notice.contact.address
    mail["X-Unsent"] = "1"
    mail.set_content(notice.letter.body, cte="quoted-printable")
    for name, content in files.items():
        subtype = "json" if name.endswith(".json") else "csv"
        maintype = "application" if subtype == "json" else "text"
        mail.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    mail["Content-Language"] = notice.letter.language
    # The boundary would be another one each time; the text of one is of no use to whoever wrote a part.
    mail.set_boundary(f"=_{notice.notice.encode().hex()[-40:]}_mailcensus")
    return mail.as_bytes()
