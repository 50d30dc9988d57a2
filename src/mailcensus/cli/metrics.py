"""`mailcensus metrics`: how a study goes, for Prometheus."""

from __future__ import annotations

import ipaddress
import sys
import threading
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from mailcensus.cli.metrics_of_study import StudyMetrics
from mailcensus.cli.options import StudyDirectory
from mailcensus.cli.talk import say
from mailcensus.study import Study, StudyError


def metrics(
    directory: StudyDirectory,
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS:PORT", help="Where to listen; port 0: any that is free.")
    ] = "127.0.0.1:9464",
    once: Annotated[
        bool,
        typer.Option("--once", help="Print them once on stdout instead, e.g. for a file of node_exporter."),
    ] = False,
) -> None:
    """Serve the metrics of a study for Prometheus until interrupted, while another process runs it.

    Reads what the run has on disk, so it needs nothing of the run and cannot hold it up; figures are at most some
    seconds old (collect.flush_s). Listens on loopback unless told otherwise: whoever reaches it reads it.
    """
    study = Study.open(directory)
    registry = CollectorRegistry()
    registry.register(StudyMetrics(study))
    if once:
        sys.stdout.write(generate_latest(registry).decode())
        return
    address, port = _listen(listen)
    try:
        server, _ = start_http_server(port, address, registry)
    except OSError as error:
        raise StudyError(f"--listen {listen}: cannot listen there: {error.strerror or error}") from None
    try:
        say(f"metrics: http://{_host(address)}:{server.server_port}/metrics")
        threading.Event().wait()
    finally:
        server.shutdown()
        server.server_close()


def _listen(text: str) -> tuple[str, int]:
    """Address and port.

    Raises:
        StudyError: it is none.
    """
    address, _, port = text.rpartition(":")
    try:
        plain = str(ipaddress.ip_address(address.removeprefix("[").removesuffix("]")))
        if not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise ValueError
    except ValueError:
        raise StudyError(f"--listen {text}: no address and port; for example 127.0.0.1:9464") from None
    return plain, int(port)


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
