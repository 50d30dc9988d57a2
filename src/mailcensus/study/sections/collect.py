"""What those are asked who answered."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from mailcensus.study.sections.base import PositiveFloat, Section


class DeadlinesSection(Section):
    """How long each stage may take, in seconds."""

    connect_s: PositiveFloat = Field(10.0, description="TCP connect")
    greeting_s: PositiveFloat = Field(35.0, description="greeting; greet delays of 10-30 s are common")
    reply_s: PositiveFloat = Field(20.0, description="each reply")
    tls_s: PositiveFloat = Field(20.0, description="each TLS or SSH flight")
    grab_s: PositiveFloat = Field(120.0, description="one whole grab")


class CollectSection(Section):
    """What to ask those who answered."""

    services: tuple[str, ...] = Field(
        ("ssh", "smtp", "pop3", "imap", "https", "submission", "imaps"),
        description="services asked of every hit, in this order (`mailcensus ports` lists them)",
        min_length=1,
    )
    hello_profile: str = Field("mailcensus-2026", description="ClientHello profile; it decides the numbers")
    finish_tls: bool = Field(True, description="finish handshakes and ask capabilities again behind TLS")
    rate_limited_pauses_s: tuple[PositiveFloat, ...] = Field(
        (300.0, 1200.0, 3600.0),
        description="pauses before each new try of a peer that said 'later' (421, 4xx)",
    )
    flush_s: PositiveFloat = Field(5.0, description="finished grabs are written to disk at least this often")
    deadlines: DeadlinesSection = DeadlinesSection()


class FollowupsSection(Section):
    """What to ask again, later and otherwise. Each is off by default, and each costs its hosts more connections."""

    legacy: bool = Field(
        False, description="SSLv3, SSLv2 and weak suites, of servers that refused the ordinary hello"
    )
    server_names: tuple[Literal["greeting", "ptr", "file"], ...] = Field(
        (),
        description="the TLS hello again with a server name (SNI): of the greeting, the PTR record, or a file",
    )
    server_names_file: Path | None = Field(
        None,
        description="file of addresses and names, one pair a line, e.g. the MX names of a list of domains",
    )
    ssh_host_keys: bool = Field(False, description="every other type of host key that an SSH server has")
    injection: bool = Field(
        False, description="whether a command sent in the clear behind STARTTLS is obeyed behind TLS"
    )
    enumerate: bool = Field(
        False, description="every TLS version and cipher suite a server takes: a connection for each suite"
    )
    pause_s: PositiveFloat = Field(60.0, description="pause between two of these connections to one host")

    @model_validator(mode="after")
    def _file_names_need_a_file(self) -> FollowupsSection:
        if "file" in self.server_names and self.server_names_file is None:
            raise ValueError('followups.server_names has "file" and followups.server_names_file names none')
        return self
