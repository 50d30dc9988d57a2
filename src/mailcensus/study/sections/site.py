"""The disclosure and opt-out site."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from mailcensus.study.sections.base import Section


class SiteSection(Section):
    """The page where those who are asked learn who asks, and opt out (`mailcensus outreach serve`)."""

    operator: str | None = Field(
        None,
        description="who runs the study, as its page says; unset: the contact",
        examples=["The measurement group of Example University"],
    )
    purpose: str = Field(
        "To measure which cryptographic keys mail servers show, and how many of them share one. "
        "Results are published as counts; operators are told of serious faults.",
        description="why, in a sentence or two",
    )
    url: str | None = Field(
        None,
        description="where the world reaches the site, without a path; unset: the host of study.opt_out",
        examples=["https://scanner.example"],
    )
    listen: tuple[str, ...] = Field(
        ("127.0.0.1:8025",),
        description='where to listen, each "address:port" or "[IPv6 address]:port"; plain HTTP',
        min_length=1,
    )
    proxies: tuple[str, ...] = Field(
        (),
        description="addresses or prefixes of reverse proxies whose X-Forwarded-For is believed",
        examples=[["127.0.0.1", "::1"]],
    )
    opt_outs: Path = Field(
        Path("opt-outs.txt"),
        description="the exclusion file it writes; name it in population.exclusions too",
    )
    database: str | None = Field(
        None,
        description="PostgreSQL URL without a password (use ~/.pgpass); unset: SQLite, outreach/site.sqlite",
        examples=["postgresql:///mailcensus"],
    )
    smtp: str | None = Field(
        None,
        description='mail server of your own that takes mails asking for proof, "address:port"; unset: no such mails',
        examples=["127.0.0.1:25"],
    )
    contacts: Path | None = Field(
        None,
        description="file of abuse contacts of networks, as for `mailcensus outreach notices`; for such mails",
        examples=["contacts.csv"],
    )

    @field_validator("database", "url", "smtp")
    @classmethod
    def _no_password(cls, told: str | None) -> str | None:
        if told is not None and (
            ":" in told.partition("://")[2].rpartition("@")[0] or "password=" in told.lower()
        ):
            raise ValueError("a password; study.toml is kept with every run: put it into ~/.pgpass")
        return told
