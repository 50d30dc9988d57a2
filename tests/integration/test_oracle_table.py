"""The observer beside openssl s_client, gnutls-cli, tlslite-ng, ssh and others, on some two hundred servers.

`oracles.configurations` lists them; the table is printed by the last test and kept in docs/reference/oracles.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from oracles.configurations import CONFIGURATIONS, Configuration, Workshop
from oracles.table import DIFFERENT, EQUAL, NOT_RUN, Row, examine, host, render
from realservers.process import ServerMissing

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "oracles.md"
ROWS_WANTED = 60
ROWS_OF_PRODUCT = Counter(configuration.server for configuration in CONFIGURATIONS)
SHARE_WANTED = 0.75
"""Of each product's rows: newer systems lose some, a broken test loses most."""


@pytest.fixture(scope="module")
def workshop(server_directory: Path) -> Iterator[Workshop]:
    directory = server_directory / "oracles"
    directory.mkdir()
    with ExitStack() as stack:
        yield Workshop(directory, stack)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """What the tests of this module have found so far."""
    return []


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_the_observer_says_what_the_oracles_say(
    configuration: Configuration, workshop: Workshop, rows: list[Row]
) -> None:
    try:
        row = examine(configuration, workshop)
    except ServerMissing as missing:
        pytest.skip(str(missing))
    rows.append(row)
    assert row.verdict != DIFFERENT, "\n".join(row.notes)
    if row.verdict == EQUAL:
        assert row.compared


def test_at_least_sixty_configurations_and_most_of_every_product_were_compared(rows: list[Row]) -> None:
    if len(rows) < len(CONFIGURATIONS):
        pytest.skip("not all configurations were asked for")
    print(render(rows, host=host()))  # noqa: T201
    equal = Counter(row.configuration.server for row in rows if row.verdict == EQUAL)
    not_run = [f"{row.configuration}: {'; '.join(row.notes)}" for row in rows if row.verdict == NOT_RUN]
    assert equal.total() >= ROWS_WANTED, "\n".join(not_run)
    short = [server for server, count in ROWS_OF_PRODUCT.items() if equal[server] < SHARE_WANTED * count]
    assert not short, "\n".join(not_run)


def test_the_kept_page_lists_the_same_configurations() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [str(each) for each in CONFIGURATIONS if f"| {each.server} | {each.name} |" not in page]
    assert not missing, "run: PYTHONPATH=tests python -m oracles.table > docs/reference/oracles.md"
