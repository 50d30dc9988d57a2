"""All verbs in one command."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from mailcensus import __version__
from mailcensus.cli import (
    analyse,
    collect,
    cross,
    demo,
    diff,
    discover,
    doctor,
    enrich,
    export,
    grab,
    import_,
    init,
    lab,
    lifetimes,
    metrics,
    open_,
    outreach,
    outreach_serve,
    passive,
    population,
    ports,
    preflight,
    recheck,
    report,
    resolve,
    run,
    senders,
    upgrade,
    vantages,
)
from mailcensus.cli.talk import LogFormat, TalkHandler, talk_in
from mailcensus.cli.verbs import Verbs, example

APP = typer.Typer(
    cls=Verbs,
    help="A census of the cryptographic keys that mail servers show, and of who shares them with whom.",
    epilog=example("mailcensus demo"),
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

SENDERS = typer.Typer(
    help="Badly secured receivers, and what senders do about them: plan, serve, report.", no_args_is_help=True
)
OUTREACH = typer.Typer(
    help="Say who asks, tell operators what concerns them, and let anybody opt out.", no_args_is_help=True
)
VANTAGES = typer.Typer(
    help="Ask one study from several machines: hand out pieces, join.", no_args_is_help=True
)
LAB = typer.Typer(help="Serve a population of mail hosts on loopback; print its truth.", no_args_is_help=True)

APP.command(epilog=example("mailcensus init study --prefixes prefixes.txt"))(init.init)
APP.command(epilog=example("mailcensus run study"))(run.run)
APP.command(epilog=example("mailcensus population study", "mailcensus population study --list"))(
    population.population
)
APP.command("preflight", epilog=example("mailcensus preflight study"))(preflight.preflight_command)
APP.command(epilog=example("mailcensus doctor", "mailcensus doctor study --json"))(doctor.doctor)
APP.command(epilog=example("mailcensus resolve study"))(resolve.resolve)
APP.command(epilog=example("mailcensus discover study"))(discover.discover)
APP.command(epilog=example("mailcensus collect study"))(collect.collect)
APP.command(epilog=example("mailcensus enrich study", "mailcensus enrich study --compare"))(enrich.enrich)
APP.command(epilog=example("mailcensus analyse study", "mailcensus analyse study --table clusters --json"))(
    analyse.analyse
)
APP.command(epilog=example("mailcensus report study"))(report.report)
APP.command("open", epilog=example("mailcensus open study", "mailcensus open study --notebook"))(
    open_.open_command
)
APP.command(epilog=example("mailcensus diff study-2025 study-2026 --out diff"))(diff.diff)
APP.command(epilog=example("mailcensus cross ireland estonia --out cross"))(cross.cross)
APP.command(epilog=example("mailcensus lifetimes study-2024 study-2025 study-2026"))(lifetimes.lifetimes)
APP.command(epilog=example("mailcensus recheck study --cluster 1"))(recheck.recheck)
APP.command(epilog=example("mailcensus metrics study", "mailcensus metrics study --once"))(metrics.metrics)
APP.command("upgrade", epilog=example("mailcensus upgrade study"))(upgrade.upgrade_command)
APP.command(epilog=example("mailcensus grab localhost:25", "mailcensus grab '[::1]:993' --json"))(grab.grab)
APP.command(epilog=example("mailcensus demo"))(demo.demo)
APP.add_typer(SENDERS, name="senders", epilog=example("mailcensus senders plan --list"))
SENDERS.command(epilog=example("mailcensus senders plan study", "mailcensus senders plan --list"))(
    senders.plan
)
SENDERS.command(epilog=example("mailcensus senders serve study"))(senders.serve)
SENDERS.command(epilog=example("mailcensus senders report study"))(senders.report)
APP.add_typer(OUTREACH, name="outreach", epilog=example("mailcensus outreach texts study"))
OUTREACH.command(
    epilog=example("mailcensus outreach texts study", "mailcensus outreach texts study --only security.txt")
)(outreach.texts)
OUTREACH.command(
    epilog=example(
        "mailcensus outreach notices study --contacts contacts.csv",
        "mailcensus outreach notices study --by domain --language de",
    )
)(outreach.notices)
OUTREACH.command(epilog=example("mailcensus outreach sent study study/outreach/notices/*/as64500"))(
    outreach.sent
)
OUTREACH.command(epilog=example("mailcensus outreach ledger study"))(outreach.ledger)
OUTREACH.command(
    epilog=example("mailcensus outreach answered study RUN-by-as/as64500 --note 'new keys by Monday'")
)(outreach.answered)
OUTREACH.command(epilog=example("mailcensus outreach serve study"))(outreach_serve.serve)
APP.add_typer(VANTAGES, name="vantages", epilog=example("mailcensus vantages collect study"))
VANTAGES.command(epilog=example("mailcensus vantages collect study", "mailcensus vantages join"))(
    vantages.collect
)
VANTAGES.command(epilog=example("mailcensus vantages join 127.0.0.1:8786 --name dublin"))(vantages.join)
APP.add_typer(LAB, name="lab", epilog=example("mailcensus lab serve --size 40 --study lab-study"))
LAB.command(epilog=example("mailcensus lab serve --size 40 --study lab-study", "mailcensus run lab-study"))(
    lab.serve
)
LAB.command(epilog=example("mailcensus lab truth --size 40"))(lab.truth)
APP.command("import", epilog=example("mailcensus import study --from zmap results.csv"))(import_.import_)
APP.command(epilog=example("mailcensus export study --to zgrab2 --out grabs.jsonl"))(export.export)
APP.command(epilog=example("mailcensus passive study traffic.pcap", "mailcensus passive study zeek-logs/"))(
    passive.passive
)
APP.command(epilog=example("mailcensus ports"))(ports.ports)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mailcensus {__version__}")
        raise typer.Exit


@APP.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option(metavar="FORMAT", help="What is said on stderr: text, or json, one object a line."),
    ] = LogFormat.TEXT,
) -> None:
    """Before every verb: the form of what is said."""
    talk_in(log_format)


def main(arguments: Sequence[str] | None = None) -> None:
    """The `mailcensus` command; ends the process with an exit status (`verbs.Exit`)."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    logging.basicConfig(handlers=[TalkHandler()])
    APP(list(sys.argv[1:] if arguments is None else arguments), prog_name="mailcensus")
