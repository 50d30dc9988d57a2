"""Sites that share a PostgreSQL: what one is told, every vantage leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailcensus.outreach.site.serving import base_url
from mailcensus.outreach.site.store import Action, Store, database_url
from mailcensus.study import StageFailed
from outreach.databases import server
from outreach.site_world import BASE, world

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


def directory_of(parent: Path, name: str) -> Path:
    directory = parent / name
    directory.mkdir()
    (directory / "own.txt").write_text("")
    return directory


def test_an_opt_out_at_one_site_is_in_the_files_of_all(postgres: str, tmp_path: Path) -> None:
    east, west = (directory_of(tmp_path, name) for name in ("east", "west"))
    with world(east, url=postgres) as here, world(west, url=postgres) as there:
        here.visitor("192.0.2.7").send("/opt-out", {"action": "opt_out"})
        page = there.visitor("198.51.100.7").ask("198.51.100.0/24")
        here.visitor("198.51.100.7").send(page, {"way": "address"})
        for site in (here, there):
            site.desk.register.follow()
            assert site.entries() == ["192.0.2.7", "198.51.100.0/24"]
        there.visitor("192.0.2.7").send("/opt-out", {"action": "withdraw"})
        here.desk.register.follow()
        assert here.entries() == ["198.51.100.0/24"]
        assert base_url(here.study) == BASE


def test_the_same_opt_out_at_many_sites_at_once_is_one(postgres: str, tmp_path: Path) -> None:
    stores = [Store(database_url(postgres, tmp_path)) for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        tasks = [
            pool.submit(stores[number % 4].apply, Action.OPT_OUT, f"10.0.0.{number // 16}", "own")
            for number in range(128)
        ]
        for task in tasks:
            task.result()
    opt_outs = [each.whom for each in stores[0].opt_outs() if each.whom.startswith("10.")]
    assert opt_outs == sorted(f"10.0.0.{number}" for number in range(8))
    assert len(stores[0].events("10.0.0.3")) == 16
    for store in stores:
        store.close()


def test_no_postgresql_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="database of the site: ") as raised:
        Store(database_url("postgresql://nobody@127.0.0.1:1/x", tmp_path))
    assert "\n" not in str(raised.value)
