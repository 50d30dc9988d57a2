"""What explanation says about the code is what the code does."""

import re
import tomllib

import pytest

from docs.pages import ROOT
from mailcensus.analysis.masks import MAX_SERVICES
from mailcensus.analysis.services import NOT_A_TLS_ANSWER
from mailcensus.analysis.summary import HEADLINES
from mailcensus.dataset.recorder import FLUSH_DER_BYTES, FLUSH_ROWS
from mailcensus.model import TABLES
from mailcensus.study import Settings
from mailcensus.wire.exchange import Limits
from mailcensus.wire.services import SERVICES
from mailcensus.wire.tls.shares import USES_OF_A_PAIR

EXPLANATION = ROOT / "docs" / "explanation"


def text_of(page: str) -> str:
    return " ".join((EXPLANATION / page).read_text(encoding="utf-8").split())


def test_definitions_name_every_headline_with_its_denominator() -> None:
    definitions = text_of("definitions.md")
    for headline in HEADLINES:
        if headline.name.startswith("grabs_"):
            continue
        row = re.search(rf"\| `{headline.name}` \| [^|]+ \|([^|]*)\|", definitions)
        assert row is not None, headline.name
        assert row[1].strip().strip("`") == (headline.denominator or "")


def test_definitions_say_which_outcomes_are_an_answer_about_tls() -> None:
    definitions = text_of("definitions.md")
    row = re.search(r"`tls_known`:([^|]*)\|", definitions)
    assert row is not None
    assert set(re.findall(r"`(\w+)`", row[1])) == {str(outcome) for outcome in NOT_A_TLS_ANSWER}


def test_design_names_every_table_of_a_dataset() -> None:
    design = text_of("design.md")
    assert all(f"| `{table}` |" in design for table in TABLES)


def test_design_draws_the_rooms_in_the_order_that_import_linter_checks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [layer for layer in layers if not layer.startswith("_")]
    assert " > ".join(rooms) in text_of("design.md")


def test_politeness_has_a_row_for_every_protocol() -> None:
    said = {row.upper() for row in re.findall(r"\| (\w+) \|", text_of("politeness.md"))}
    names = {"http": "HTTPS"}
    assert {names.get(service.protocol, service.protocol).upper() for service in SERVICES} <= said


def test_politeness_has_the_limits_that_settings_have() -> None:
    limits = Settings().politeness.model_dump()
    for name, value in limits.items():
        shown = "none" if value is None else f"{value:,g}"
        assert f"| {shown} | `politeness.{name}` |" in text_of("politeness.md"), name


def test_observer_has_the_caps_that_exchanges_have() -> None:
    observer, limits = text_of("observer.md"), Limits()
    for cap in (limits.line, limits.text, limits.handshake, limits.certificate):
        assert f"| {cap:,} bytes |" in observer
    assert f"| {limits.chain_certificates} |" in observer
    assert f"up to {USES_OF_A_PAIR:,} connections" in observer


@pytest.mark.parametrize("page", ["observer.md", "design.md"])
def test_deadlines_are_those_of_the_settings(page: str) -> None:
    times = [f"{value:g}" for value in Settings().collect.deadlines.model_dump().values()]
    text = text_of(page)
    connect, greeting, reply, tls, grab = times
    in_a_table = f"{connect}, {greeting}, {reply}, {tls}, {grab} s"
    in_words = f"Connect {connect} s, greeting {greeting} s, each reply {reply} s, TLS {tls} s, a whole grab {grab} s"
    assert in_a_table in text or in_words in text


def test_crash_safety_says_when_grabs_are_flushed() -> None:
    flush_s = Settings().collect.flush_s
    expected = f"({flush_s:g} s), {FLUSH_ROWS:,} grabs or {FLUSH_DER_BYTES >> 20} MB"
    assert expected in text_of("crash-safety.md")


def test_adding_a_service_says_how_many_there_may_be() -> None:
    page = (ROOT / "docs" / "how-to" / "add-a-service.md").read_text(encoding="utf-8")
    assert f"up to {MAX_SERVICES} services" in page
