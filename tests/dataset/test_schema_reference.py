"""The schema page says what the records say."""

from pathlib import Path

from mailcensus.dataset.schema_reference import schema_reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "schema.md"


def test_the_schema_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == schema_reference(), (
        "run: python -m mailcensus.dataset.schema_reference > docs/reference/schema.md"
    )
