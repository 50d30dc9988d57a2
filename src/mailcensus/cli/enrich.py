"""`mailcensus enrich`: what databases and DNS say of the addresses that answered, OpenSSL of their chains."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.key_checks import run_key_checks
from mailcensus.cli.options import AsJson, Quiet, StudyDirectory
from mailcensus.cli.stages import current_run, run_enrichment
from mailcensus.cli.tables import print_table
from mailcensus.cli.talk import say
from mailcensus.facts.chains import wants_chains
from mailcensus.facts.check_keys import wants_key_checks
from mailcensus.facts.compare import Agreement, agreements
from mailcensus.facts.databases import Databases
from mailcensus.facts.domains.resolve import wants_domains
from mailcensus.facts.enrich import addresses_of, wants_facts
from mailcensus.study import Study, StudyError


def enrich(
    directory: StudyDirectory,
    compare: Annotated[
        bool, typer.Option("--compare", help="Only print how databases of one kind agree on these addresses.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Look up country, AS, place and reverse name of every address of the run, and verify the chains of certificates
    that servers sent: [facts] in study.toml.

    Then say who handles the mail of every domain, where the study has domains, and look over every key for known
    weaknesses and known owners. Both ask nobody.

    Interrupt it at any time and run it again to go on. Where a database has changed, all addresses are looked up
    again; where a root store has, all chains are verified again. With --json, which goes with --compare, one object
    a line for each pair of databases.
    """
    study = Study.open(directory)
    if as_json and not compare:
        raise StudyError("--json goes with --compare; the facts themselves are in data/hosts")
    if not any(wants(study) for wants in (wants_facts, wants_chains, wants_key_checks, wants_domains)):
        raise StudyError(
            f"{directory / 'study.toml'}: nothing to look up; set facts.databases, facts.ptr or facts.root_stores"
        )
    with current_run(study) as run:
        if compare:
            found = agreements(Databases.of_study(study).tables, addresses_of(run))
            _print(found, as_json)
        else:
            enriched = run_enrichment(study, run, quiet=quiet)
            checked = run_key_checks(study, run, quiet=quiet)
            if not (enriched or checked or quiet):
                say(f"run {run.run_id} is enriched; nothing to do")


def _print(found: list[Agreement], as_json: bool) -> None:
    if not found:
        raise StudyError(
            "--compare needs two databases in facts.databases that know countries, or AS, or places, or anycast"
        )
    if as_json:
        for agreement in found:
            print_json(asdict(agreement))
        return
    for agreement in found:
        one, two = agreement.one, agreement.two
        both = agreement.both
        share = f", {agreement.agree / both:.1%} of the {both:,} that both know" if both else ""
        print_table(
            ("addresses", agreement.kind),
            [
                (agreement.agree, f"agree{share}"),
                (agreement.differ, "differ"),
                (agreement.only_one, f"known to {one} alone"),
                (agreement.only_two, f"known to {two} alone"),
                (agreement.neither, "known to neither"),
            ],
        )
        if agreement.disagreements:
            print_table((one, two, "addresses"), agreement.disagreements)
