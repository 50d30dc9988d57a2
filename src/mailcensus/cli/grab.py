"""`mailcensus grab`: one service of one host, which the user names himself."""

from __future__ import annotations

from typing import Annotated

import typer
import uvloop
from rich.console import Console

from mailcensus.cli.grab_json import record_of
from mailcensus.cli.grab_text import summary_of
from mailcensus.cli.json_lines import print_json
from mailcensus.cli.options import AsJson
from mailcensus.cli.talk import waiting
from mailcensus.cli.target import Target, find_target
from mailcensus.model import Observation
from mailcensus.population import Exclusions
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.grab import Grabber
from mailcensus.study import Settings


def grab(
    target: Annotated[
        str, typer.Argument(metavar="HOST[:PORT]", help="Name or address; an IPv6 one with a port in [ ].")
    ],
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="SERVICE",
            help="A name out of `mailcensus ports`. [default: the service at home on the port, else smtp]",
        ),
    ] = None,
    ehlo_name: Annotated[
        str, typer.Option(metavar="NAME", help="Our own host name, sent as EHLO argument.")
    ] = "scanner.invalid",
    as_json: AsJson = False,
) -> None:
    """Ask one service of one host, and show what it says.

    Shown are greeting, capabilities, ways to log in, TLS, SSH and certificates. A name is looked up and sent as
    TLS server name. Nothing beyond greeting, capabilities and handshake is asked, and nothing is stored. Whatever
    the host does, the record says so and the exit status is 0.
    """
    whom = find_target(target, protocol)
    with waiting(f"asking {whom.ip} port {whom.port}"):
        observation = uvloop.run(_grab(whom, ehlo_name))
    if as_json:
        print_json(record_of(observation))
    else:
        Console(highlight=False, soft_wrap=True).print(summary_of(observation))


async def _grab(whom: Target, ehlo_name: str) -> Observation:
    settings = Settings.model_validate({"study": {"ehlo_name": ehlo_name, "allow_special": True}})
    dialer = Dialer(settings.politeness, Exclusions(), allow_special=True)
    grabber = Grabber(settings, "grab", dialer)
    return await grabber.grab(whom.ip, whom.service, port=whom.port, server_name=whom.server_name)
