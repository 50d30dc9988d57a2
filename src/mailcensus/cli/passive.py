"""`mailcensus passive`: connections of others, from captures, logs or an interface."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.progress import Snapshot, StageTalk
from mailcensus.cli.talk import say
from mailcensus.passive.captures.opening import Arriving
from mailcensus.passive.clients import ClientPolicy
from mailcensus.passive.listening import Heard, hear_files, hear_stream, services_by_port
from mailcensus.passive.live import LiveCapture
from mailcensus.study import Study, StudyError

_STANDARD_INPUT = Path("-")
_MOST_NAMED = 5


def passive(
    directory: StudyDirectory,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Captures (pcap, pcapng) and Zeek's logs, compressed or not, or directories of them; - is stdin.",
        ),
    ] = None,
    interface: Annotated[
        str | None, typer.Option(help="Listen to this interface until Ctrl-C (needs dumpcap or tcpdump).")
    ] = None,
    clients: Annotated[
        ClientPolicy,
        typer.Option(help="What is recorded of clients' addresses: nothing, a keyed hash, or all."),
    ] = ClientPolicy.DROP,
    any_port: Annotated[
        bool, typer.Option("--any-port", help="Read TLS, SSH and mail on ports of no service too (captures).")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Record what clients and servers negotiate, from traffic you are entitled to see.

    Only handshakes and the text before them are read; credentials, mail and names of users never leave the reader.
    What each file is shows by its first bytes. The same files again change nothing.
    """
    study = Study.open(directory)
    with StageTalk("passive", quiet=quiet) as talk:
        heard = _hear(study, paths or [], interface, clients, any_port, _shown_by(talk))
    for line in _words(heard):
        say(line)


def _hear(
    study: Study,
    paths: list[Path],
    interface: str | None,
    clients: ClientPolicy,
    any_port: bool,
    show: Callable[[Heard], None],
) -> Heard:
    if (interface is not None) == bool(paths):
        raise StudyError(
            "passive: name captures or logs to read, or an interface with --interface, and not both"
        )
    if interface is not None:
        with (
            LiveCapture(interface, services_by_port(study), any_port=any_port) as live,
            _on_interrupt(live.stop),
        ):
            return hear_stream(
                study,
                live.stream,
                interface,
                clients,
                any_port=any_port,
                on_progress=show,
                dropped=live.dropped,
            )
    if paths == [_STANDARD_INPUT]:
        stream = Arriving(sys.stdin.fileno())
        with _on_interrupt(stream.stop):
            return hear_stream(
                study, stream, "-", clients, any_port=any_port, on_progress=show, dropped=Counter
            )
    if _STANDARD_INPUT in paths:
        raise StudyError("passive: - (standard input) stands alone")
    return hear_files(study, paths, clients, any_port=any_port, on_progress=show)


@contextmanager
def _on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C ends the stream instead of the command: what came before is recorded."""
    before = signal.signal(signal.SIGINT, lambda *_: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _shown_by(talk: StageTalk) -> Callable[[Heard], None]:
    def show(heard: Heard) -> None:
        read = heard.packets + heard.rows
        talk.show(Snapshot(read, read, "packets and rows", 0, 0, "", f"{heard.flows:,} flows"))

    return show


def _words(heard: Heard) -> Iterator[str]:
    if heard.already:
        yield f"these files were heard already, as run {heard.run_id}"
        return
    for source in heard.sources:
        counts = ", ".join(f"{count.name} {count.count:,}" for count in source.counts)
        unit = "packets" if source.reader == "capture" else "rows"
        error = f"; reading ended early: {source.error}" if source.error else ""
        yield (
            f"{source.source}: {source.kind}, {source.records:,} {unit}, {source.flows:,} flows"
            f"{f' ({counts})' if counts else ''}{error}"
        )
    if heard.passed_over:
        named = ", ".join(path.name for path in heard.passed_over[:_MOST_NAMED])
        more = ", ..." if len(heard.passed_over) > _MOST_NAMED else ""
        yield f"{len(heard.passed_over):,} files are neither captures nor logs that are read: {named}{more}"
    yield f"{heard.flows:,} flows; run {heard.run_id}"
