"""`mailcensus outreach ...`: what the vantage says of itself, and notices to operators."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from mailcensus.cli.options import AsJson, StudyDirectory
from mailcensus.study import Study, StudyError


def texts(
    directory: StudyDirectory,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="NAME", help="Print this text alone, as it is: for a file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Texts for the vantage: PTR and TXT records, security.txt, a web page, mailboxes.

    They say who asks, why, and how to stop it, and are made of study.toml ([study], and the addresses of
    preflight.addresses; else those of this machine's routes). Nothing is put anywhere; `preflight` looks whether they
    are up.
    """
    from mailcensus.cli.json_lines import print_json
    from mailcensus.discovery.preflight_names import own_addresses
    from mailcensus.outreach.texts import NAMES, vantage_texts

    if only is not None and only not in NAMES:
        raise StudyError(f"--only {only}: no such text; there are: {', '.join(NAMES)}")
    study = Study.open(directory)
    for text in vantage_texts(study.settings, own_addresses(study, ()), datetime.now(UTC)):
        if only not in (None, text.name):
            continue
        if as_json:
            print_json({"name": text.name, "where": text.where, "text": text.body})
        else:
            sys.stdout.write(text.body if only else f"== {text.name}: {text.where}\n{text.body}\n")
