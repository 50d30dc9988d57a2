"""What init writes is what is read."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.study import Settings
from mailcensus.study.settings_reference import settings_reference
from mailcensus.study.template import study_toml, toml_value

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_the_defaults_written_and_read_back_are_the_defaults() -> None:
    assert Settings.model_validate(tomllib.loads(study_toml(Settings()))) == Settings()


def test_every_setting_stands_there_with_its_meaning() -> None:
    text = study_toml(Settings())
    for section in (Settings(), Settings().study, Settings().population, Settings().collect.deadlines):
        for name, field in type(section).model_fields.items():
            assert name in text
            if field.description:
                assert f"# {field.description}\n" in text


def test_what_is_set_is_written_and_read_back() -> None:
    settings = Settings.model_validate(
        {
            "study": {"name": 'a "quoted" name\n', "contact": "a@b.example", "allow_special": True},
            "population": {"prefixes": "my prefixes.txt", "exclusions": ["a", "b"], "seed": 0},
            "collect": {"services": ["smtp"], "rate_limited_pauses_s": [], "deadlines": {"reply_s": 0.5}},
            "ports": {"smtp": 20025, "ssh": 20022},
        }
    )
    assert Settings.model_validate(tomllib.loads(study_toml(settings))) == settings


def test_an_example_that_is_uncommented_is_a_valid_setting() -> None:
    lines = study_toml(Settings()).splitlines()
    uncommented = [
        line.removeprefix("# ") if " = " in line and line.startswith("# ") else line for line in lines
    ]
    settings = Settings.model_validate(tomllib.loads("\n".join(uncommented)))
    assert settings.population.country == "IE"
    assert settings.ports == {"smtp": 20025}


@given(st.text())
def test_any_text_survives(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert tomllib.loads(f"x = {toml_value(text)}")["x"] == text


def test_what_has_no_toml_is_refused() -> None:
    with pytest.raises(TypeError):
        toml_value(object())


def test_the_settings_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_reference(), (
        "run: python -m mailcensus.study.settings_reference > docs/reference/settings.md"
    )
