"""`mailcensus vantages`: one study, asked from several machines."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.progress import Snapshot, StageTalk
from mailcensus.cli.resolve import run_resolution
from mailcensus.cli.stages import current_run, open_study
from mailcensus.cli.talk import say
from mailcensus.population.shard import MOST_SHARDS
from mailcensus.study import StudyError
from mailcensus.vantages.places import Place, Tls, check_place

if TYPE_CHECKING:
    from mailcensus.vantages.office import StudyOffice

_PLACE = "127.0.0.1:8786"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,63}")

Authority = Annotated[
    Path | None,
    typer.Option("--tls-authority", help="PEM: who signs the certificates of office and vantages."),
]
Certificate = Annotated[
    Path | None, typer.Option("--tls-certificate", help="PEM: this machine's certificate.")
]
Key = Annotated[Path | None, typer.Option("--tls-key", help="PEM: the key of it.")]


def collect(
    directory: StudyDirectory,
    listen: Annotated[str, typer.Option(help="Where vantages join. Beyond loopback it needs TLS.")] = _PLACE,
    pieces: Annotated[
        int, typer.Option(min=1, max=MOST_SHARDS, help="Pieces to cut the population into.")
    ] = 16,
    at_once: Annotated[int, typer.Option(min=1, help="Vantages that ask at the same time; others wait.")] = 8,
    authority: Authority = None,
    certificate: Certificate = None,
    key: Key = None,
    quiet: Quiet = False,
) -> None:
    """Discover, collect, follow up and measure noise by machines that join this one: hand out pieces of the
    population, gather what they find. Domains are resolved here, before.

    Prints the address that they join. They may come, go and die at any time; interrupt this and run it again to go
    on. It ends when everybody has been asked; `mailcensus run` does the rest.
    """
    _need_dask()
    from mailcensus.vantages.collecting import collect_by_vantages, is_collected

    study = open_study(directory)
    place, tls = Place.parse(listen, "--listen"), _tls(authority, certificate, key)
    check_place(place, tls)
    with current_run(study) as run:
        if is_collected(run):
            say(f"collection of run {run.run_id} is done already; next: mailcensus run {directory}")
            return
        run_resolution(study, run, quiet=quiet)
        with (
            StageTalk("discover", quiet=quiet) as above,
            StageTalk("collect", quiet=quiet, below=above) as below,
        ):
            asyncio.run(
                collect_by_vantages(
                    study,
                    run,
                    place,
                    tls,
                    pieces=pieces,
                    most_at_once=at_once,
                    on_open=_print_address,
                    on_progress=lambda office: _show(office, above, below),
                )
            )


def join(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The office: host and port.")] = _PLACE,
    name: Annotated[
        str | None, typer.Option(help="This vantage's name, which its grabs carry; unset: the host's.")
    ] = None,
    listen: Annotated[
        str,
        typer.Option(
            help="Where the office reaches this vantage; port 0: any. Beyond loopback it needs TLS."
        ),
    ] = "127.0.0.1:0",
    wait_s: Annotated[float, typer.Option(help="How long to look for the office.")] = 60.0,
    authority: Authority = None,
    certificate: Certificate = None,
    key: Key = None,
) -> None:
    """Ask from this machine what an office hands out, until it has nothing more; it needs no study of its own.

    Interrupt it at any time: what it was asking goes to others. Exit status 1 where the office has gone.
    """
    _need_dask()
    from mailcensus.vantages.cluster import join as join_office

    place, own = Place.parse(address, "ADDRESS"), Place.parse(listen, "--listen")
    tls = _tls(authority, certificate, key)
    check_place(place, tls)
    check_place(own, tls)
    own_name = _checked_name(name or socket.gethostname())

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await join_office(place, own_name, own, tls, stop=stop, wait_s=wait_s)
        if stop.is_set():
            raise KeyboardInterrupt

    asyncio.run(until_stopped())


def _checked_name(name: str) -> str:
    """Names stand in columns and in lists of them."""
    if not _NAME.fullmatch(name):
        raise StudyError(f"--name {name!a}: letters, digits, dots, hyphens and underscores only, at most 63")
    return name


def _need_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise StudyError(f"several vantages need Dask ({error}); install mailcensus[vantages]") from None


def _tls(authority: Path | None, certificate: Path | None, key: Path | None) -> Tls | None:
    if authority is None and certificate is None and key is None:
        return None
    if authority is None or certificate is None or key is None:
        raise StudyError("--tls-authority, --tls-certificate and --tls-key: give all three, or none")
    tls = Tls(authority, certificate, key)
    tls.check()
    return tls


def _print_address(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


def _show(office: StudyOffice, above: StageTalk, below: StageTalk) -> None:
    now, asking = office.progress(), office.asking
    above.show(
        Snapshot(now.addresses_done, now.addresses, "addresses", now.answered, now.addresses_done, "answer")
    )
    pieces = f"{len(office.gathered)} of {len(office.gathered) + len(office.left)} pieces done"
    again = f", follow-ups of {now.again_done:,} of {now.again:,} hosts" if now.again else ""
    note = f"{pieces}{again}, asking: {', '.join(asking) or 'nobody'}"
    below.show(Snapshot(now.hosts_done, now.hosts, "hosts", now.ok, now.grabs, "grabs ok", note))
