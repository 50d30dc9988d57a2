"""Letters: a template for each language, and what is known filled in.

A template `letter.<language>.txt.j2` begins with the subject, on a line of its own; the letter follows after an empty
line. Every value that a template prints is written so that it cannot break a line or steer a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError
from jinja2.exceptions import TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailcensus.outreach.notices_findings import Concern
from mailcensus.outreach.notices_told import Told, ToldHost
from mailcensus.study import StudyError
from mailcensus.wire.visible import visible

HOSTS_SHOWN = 20
"""Of one concern, in a letter; the files beside it have them all."""
_SUBJECT_CHARACTERS = 150
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, as text."""

    subject: str
    body: str
    language: str


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes."""

    study: str
    contact: str
    opt_out: str | None
    asked_on: str
    """Day on which the run began, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Section:
    """One concern, and the hosts that have it."""

    concern: str
    hosts: int
    shown: Sequence[tuple[ToldHost, Sequence[object]]]
    """The first of them, each with its findings of this concern."""

    @property
    def more(self) -> int:
        """Hosts that are not shown."""
        return self.hosts - len(self.shown)


class LetterWriter:
    """Writes letters in the languages there are templates for."""

    def __init__(self, sender: Sender, own_templates: Path | None = None) -> None:
        """Take the study's own templates before ours, where it has any."""
        loaders = [PackageLoader("mailcensus.outreach")]
        own = [FileSystemLoader(own_templates)] if own_templates else []
        self.sender = sender
        self._environment: Environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([*own, *loaders]),
            autoescape=False,
            undefined=StrictUndefined,
            finalize=lambda value: visible(value) if isinstance(value, str) else value,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["grouped"] = lambda number: f"{number:,}"

    def check(self, language: str) -> None:
        """Refuse a language that has no template.

        Raises:
            StudyError: it has none.
        """
        if not _LANGUAGE.fullmatch(language):
            raise StudyError(f"{visible(language)!a} is no language; write en or de")
        try:
            self._environment.get_template(_template(language))
        except TemplateNotFound:
            raise StudyError(
                f"language {language}: there is no template {_template(language)}; write one and name its folder "
                "with --templates"
            ) from None
        except (TemplateError, OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{_template(language)}: {visible(str(error))}") from None

    def write(
        self, language: str, title: str, organisation: str | None, told: Told, keys_checked: int
    ) -> Letter:
        """A letter.

        Args:
            title: what the recipient's hosts have in common, e.g. AS64500.
            organisation: who that is, where it is known.
            keys_checked: keys that were looked over for flaws in the whole run.
        Raises:
            StudyError: the language has no template, or it has a mistake.
        """
        self.check(language)
        try:
            text = self._environment.get_template(_template(language)).render(
                sender=self.sender,
                title=title,
                organisation=organisation,
                hosts=len(told.hosts),
                sections=sections_of(told),
                keys={key.key: key for key in told.keys},
                keys_checked=keys_checked,
            )
        except TemplateError as error:
            raise StudyError(f"{_template(language)}: {visible(str(error))}") from None
        subject, _, body = text.partition("\n")
        return Letter(visible(subject.strip())[:_SUBJECT_CHARACTERS], body.strip("\n") + "\n", language)


def sections_of(told: Told) -> list[Section]:
    """The concerns there are, the worst first, each with its hosts."""
    found: dict[Concern, list[tuple[ToldHost, Sequence[object]]]] = {}
    for host in told.hosts:
        of_host: dict[Concern, list[object]] = {}
        for finding in host.findings:
            of_host.setdefault(finding.concern, []).append(finding)
        for concern, findings in of_host.items():
            found.setdefault(concern, []).append((host, findings))
    return [
        Section(str(concern), len(found[concern]), found[concern][:HOSTS_SHOWN])
        for concern in Concern
        if concern in found
    ]


def _template(language: str) -> str:
    return f"letter.{language}.txt.j2"
