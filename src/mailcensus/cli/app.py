"""All verbs in one command."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from mailcensus import __version__
from mailcensus.cli.loading import Group, Verb, example
from mailcensus.cli.talk import LogFormat, TalkHandler, talk_in
from mailcensus.cli.verbs import Verbs


class _All(Verbs):
    verbs = (
        Verb("init", "init:init", ("mailcensus init study --prefixes prefixes.txt",)),
        Verb("run", "run:run", ("mailcensus run study",)),
        Verb(
            "population",
            "population:population",
            ("mailcensus population study", "mailcensus population study --list"),
        ),
        Verb("preflight", "preflight:preflight_command", ("mailcensus preflight study",)),
        Verb("doctor", "doctor:doctor", ("mailcensus doctor", "mailcensus doctor study --json")),
        Verb("resolve", "resolve:resolve", ("mailcensus resolve study",)),
        Verb("discover", "discover:discover", ("mailcensus discover study",)),
        Verb("collect", "collect:collect", ("mailcensus collect study",)),
        Verb("enrich", "enrich:enrich", ("mailcensus enrich study", "mailcensus enrich study --compare")),
        Verb(
            "analyse",
            "analyse:analyse",
            ("mailcensus analyse study", "mailcensus analyse study --table clusters --json"),
        ),
        Verb("report", "report:report", ("mailcensus report study",)),
        Verb("open", "open_:open_command", ("mailcensus open study", "mailcensus open study --notebook")),
        Verb("diff", "diff:diff", ("mailcensus diff study-2025 study-2026 --out diff",)),
        Verb("cross", "cross:cross", ("mailcensus cross ireland estonia --out cross",)),
        Verb("lifetimes", "lifetimes:lifetimes", ("mailcensus lifetimes study-2024 study-2025 study-2026",)),
        Verb("recheck", "recheck:recheck", ("mailcensus recheck study --cluster 1",)),
        Verb("metrics", "metrics:metrics", ("mailcensus metrics study", "mailcensus metrics study --once")),
        Verb("upgrade", "upgrade:upgrade_command", ("mailcensus upgrade study",)),
        Verb("grab", "grab:grab", ("mailcensus grab localhost:25", "mailcensus grab '[::1]:993' --json")),
        Verb("demo", "demo:demo", ("mailcensus demo",)),
        Verb("import", "import_:import_", ("mailcensus import study --from zmap results.csv",)),
        Verb("export", "export:export", ("mailcensus export study --to zgrab2 --out grabs.jsonl",)),
        Verb(
            "passive",
            "passive:passive",
            ("mailcensus passive study traffic.pcap", "mailcensus passive study zeek-logs/"),
        ),
        Verb("ports", "ports:ports", ("mailcensus ports",)),
    )


class _Senders(Group):
    verbs = (
        Verb("plan", "senders:plan", ("mailcensus senders plan study", "mailcensus senders plan --list")),
        Verb("serve", "senders:serve", ("mailcensus senders serve study",)),
        Verb("report", "senders:report", ("mailcensus senders report study",)),
    )


class _Outreach(Group):
    verbs = (
        Verb(
            "texts",
            "outreach:texts",
            ("mailcensus outreach texts study", "mailcensus outreach texts study --only security.txt"),
        ),
        Verb(
            "notices",
            "outreach:notices",
            (
                "mailcensus outreach notices study --contacts contacts.csv",
                "mailcensus outreach notices study --by domain --language de",
            ),
        ),
        Verb("sent", "outreach:sent", ("mailcensus outreach sent study study/outreach/notices/*/as64500",)),
        Verb("ledger", "outreach:ledger", ("mailcensus outreach ledger study",)),
        Verb(
            "answered",
            "outreach:answered",
            ("mailcensus outreach answered study RUN-by-as/as64500 --note 'new keys by Monday'",),
        ),
        Verb("serve", "outreach_serve:serve", ("mailcensus outreach serve study",)),
    )


class _Vantages(Group):
    verbs = (
        Verb(
            "collect", "vantages:collect", ("mailcensus vantages collect study", "mailcensus vantages join")
        ),
        Verb("join", "vantages:join", ("mailcensus vantages join 127.0.0.1:8786 --name dublin",)),
    )


class _Lab(Group):
    verbs = (
        Verb(
            "serve",
            "lab:serve",
            ("mailcensus lab serve --size 40 --study lab-study", "mailcensus run lab-study"),
        ),
        Verb("truth", "lab:truth", ("mailcensus lab truth --size 40",)),
    )


APP = typer.Typer(
    cls=_All,
    help="A census of the cryptographic keys that mail servers show, and of who shares them with whom.",
    epilog=example("mailcensus demo"),
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _add(name: str, below: type[Group], about: str, command: str) -> None:
    APP.add_typer(
        typer.Typer(cls=below, no_args_is_help=True), name=name, help=about, epilog=example(command)
    )


_add(
    "senders",
    _Senders,
    "Badly secured receivers, and what senders do about them: plan, serve, report.",
    "mailcensus senders plan --list",
)
_add(
    "outreach",
    _Outreach,
    "Say who asks, tell operators what concerns them, and let anybody opt out.",
    "mailcensus outreach texts study",
)
_add(
    "vantages",
    _Vantages,
    "Ask one study from several machines: hand out pieces, join.",
    "mailcensus vantages collect study",
)
_add(
    "lab",
    _Lab,
    "Serve a population of mail hosts on loopback; print its truth.",
    "mailcensus lab serve --size 40 --study lab-study",
)


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
