"""Hosts that name themselves under an excluded domain: asked nothing more once that has been seen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcensus.study import Settings, Study
from name_server import name_server
from probe_studies import GENEROUS, HOST, collected, serving


async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mx7.example.org ESMTP\r\n")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    (tmp_path / "exclusions.txt").write_text("# nobody yet\n")
    with serving(greet) as port, name_server({("example.org", "A"): ("192.0.2.1",)}) as resolver:
        settings = {
            "study": {"allow_special": True},
            "population": {"exclusions": ["exclusions.txt"]},
            "politeness": GENEROUS,
            "facts": {"resolvers": [resolver]},
            "ports": {"smtp": port, "submission": port},
            "collect": {"services": ["smtp", "submission"], "deadlines": {"reply_s": 1.0}},
        }
        yield Study(tmp_path, Settings.model_validate(settings))


def exclude(study: Study, domain: str) -> None:
    (study.directory / "exclusions.txt").write_text(f"domain:{domain}\n")


def outcomes(study: Study) -> list[str]:
    return ["asked" if row["greeting"] else row["outcome"] for row in collected(study, [HOST])]


def test_a_host_that_greets_under_an_excluded_domain_is_asked_nothing_more(study: Study) -> None:
    exclude(study, "example.org")
    assert outcomes(study) == ["asked", "excluded"]


def test_another_domain_is_no_reason(study: Study) -> None:
    exclude(study, "ample.org")
    assert outcomes(study) == ["asked", "asked"]


def test_a_host_seen_in_an_earlier_session_is_not_asked_in_a_later_one(study: Study) -> None:
    assert outcomes(study) == ["asked", "asked"]
    exclude(study, "example.org")
    (study.data / "run.json").unlink()
    assert outcomes(study) == ["asked", "excluded", "asked", "excluded"]
