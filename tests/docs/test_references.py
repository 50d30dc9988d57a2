"""The generated reference pages say what the code says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailcensus.analysis.engines.steps_reference import steps_reference
from mailcensus.analysis.table_reference import table_reference
from mailcensus.model import Outcome, Stage, TlsMode
from mailcensus.model.outcome_reference import meanings_of, outcome_reference
from mailcensus.study import Settings
from mailcensus.wire.services_reference import services_reference
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.hello import PROFILES
from mailcensus.wire.tls.hello_reference import hello_reference

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("page", "module", "rendered"),
    [
        pytest.param(
            "engines.md",
            "mailcensus.analysis.engines.steps_reference",
            steps_reference,
            marks=pytest.mark.slow,  # it makes every table
        ),
        ("hello-profiles.md", "mailcensus.wire.tls.hello_reference", hello_reference),
        ("outcomes.md", "mailcensus.model.outcome_reference", outcome_reference),
        ("tables.md", "mailcensus.analysis.table_reference", table_reference),
        ("services.md", "mailcensus.wire.services_reference", services_reference),
    ],
)
def test_a_generated_page_is_up_to_date(page: str, module: str, rendered: Callable[[], str]) -> None:
    assert (REFERENCE / page).read_text(encoding="utf-8") == rendered(), (
        f"run: python -m {module} > docs/reference/{page}"
    )


@pytest.mark.parametrize("words", [Outcome, Stage, TlsMode])
def test_every_word_of_the_vocabulary_is_explained(
    words: type[Outcome] | type[Stage] | type[TlsMode],
) -> None:
    assert set(meanings_of(words)) == set(words.__members__)


def test_no_profile_offers_what_its_page_says_none_does() -> None:
    offered = {CIPHER_SUITES.get(code, "") for profile in PROFILES.values() for code in profile.cipher_suites}
    assert not [name for name in offered if "_anon_" in name or "_PSK_" in name]


def test_the_default_profile_offers_nothing_that_is_no_protection_at_all() -> None:
    offered = {CIPHER_SUITES[code] for code in PROFILES[Settings().collect.hello_profile].cipher_suites}
    assert not [name for name in offered if "_NULL_" in name or "_EXPORT_" in name]
