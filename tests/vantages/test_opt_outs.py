"""Exclusions as vantages get them: without databases, and again whenever they change."""

from __future__ import annotations

from pathlib import Path

from mailcensus.population import Exclusions, PrefixSet
from mailcensus.study import Settings, Study
from mailcensus.vantages.opt_outs import OptOuts

EVERYONE = PrefixSet.of(["198.18.0.0/16"])


def exclusions(directory: Path) -> Exclusions:
    (directory / "out.txt").write_text("192.0.2.1 2026-11-22 by mail\n198.18.7.0/24\n")
    (directory / "more.txt").write_text("AS64500\n")
    (directory / "routes.pfx2as").write_text("198.18.4.0\t23\t64500\n203.0.113.0\t24\t64500\n")
    told = {
        "population": {"exclusions": ["out.txt", "more.txt"], "as_database": "routes.pfx2as"},
    }
    return Exclusions.of_study(Study(directory, Settings.model_validate(told)))


def test_what_only_a_database_knows_is_written_out_for_the_population(tmp_path: Path) -> None:
    files = OptOuts(exclusions(tmp_path), EVERYONE).files
    assert files["exclusions/looked-up.txt"] == "198.18.4.0/23\n"
    assert files["exclusions/out.txt"].splitlines()[0] == "192.0.2.1 2026-11-22 by mail"
    assert files["exclusions/more.txt"] == ""


def test_who_opts_out_is_in_them_when_they_are_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("192.0.2.1\n")
    now = [0.0]
    found = Exclusions([tmp_path / "out.txt"], clock=lambda: now[0])
    opt_outs = OptOuts(found, EVERYONE)
    before = opt_outs.version
    opt_outs.look_again()
    assert opt_outs.version == before
    said = "192.0.2.1\n198.18.9.9 2026-11-22 please\ndomain:example.org 2026-01-02\n"
    (tmp_path / "out.txt").write_text(said)
    now[0] = 2.0
    opt_outs.look_again()
    assert opt_outs.version != before
    _, address, domain = opt_outs.files["exclusions/out.txt"].splitlines()
    assert address == "198.18.9.9 2026-11-22 please"
    assert domain == "domain:example.org 2026-01-02 no reason given"
