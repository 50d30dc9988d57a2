"""A part that is not what was written is found by its checksum, set aside, and what was in it comes again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.dataset.damage import Damaged, check_parts, damaged_parts, stages_to_repeat
from mailcensus.dataset.parts import PartWriter, checksum_of, visible_parts
from mailcensus.dataset.pending import Pending
from mailcensus.dataset.recorder import Recorder
from mailcensus.dataset.run import CurrentRun, RunRecord, StageProgress, StageState, run_file
from mailcensus.model import Domain, ExchangeState, Hit, MailState, Mx
from mailcensus.study import StudyError
from observations import SERVICES, hit, observation

HOSTS = 6
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def flip(path: Path) -> None:
    """Another value for one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Without its second half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def part_of(data: Path, table: str) -> Path:
    return visible_parts(data / table)[0].path


def finished_run(data: Path) -> None:
    """Hits, and all their grabs in two parts."""
    PartWriter(data, "hits", Hit).write([hit(number) for number in range(HOSTS)])
    for service in SERVICES:
        recorder = Recorder(data)
        for number in range(HOSTS):
            recorder.add(observation(number, service))
        recorder.close()
    done = StageProgress(StageState.DONE, NOW.isoformat(), position=256, order="an order")
    with CurrentRun(data, NOW) as run:
        run._record = RunRecord("r", {"discover": done, "collect": done})
        run._store("collect", done)
    assert not list(Pending(data, "r", SERVICES, 1))


def taken_up(data: Path) -> dict[str, StageProgress]:
    """The stages of the run after somebody took it up."""
    with CurrentRun(data, NOW) as run:
        return {name: run.stage(name) for name in ("discover", "collect")}


def asked_again(data: Path) -> set[tuple[str, str]]:
    return {(host.ip, ask.service) for host in Pending(data, "r", SERVICES, 1) for ask in host.asks}


def test_the_name_of_a_part_ends_in_its_checksum(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write([hit(1)])
    (part,) = visible_parts(tmp_path / "hits")
    assert re.fullmatch(r"part-00000001-00000001-[0-9a-f]{8}\.parquet", part.path.name)
    assert part.checksum == checksum_of(part.path)
    assert damaged_parts(tmp_path) == []


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_bit_that_changes_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    data = tmp_path_factory.mktemp("data")
    PartWriter(data, "hits", Hit).write([hit(1)])
    path = part_of(data, "hits")
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    path.write_bytes(content)
    assert [one.part.path for one in damaged_parts(data)] == [path]


@pytest.mark.parametrize("harm", [flip, cut])
def test_damaged_grabs_are_set_aside_and_asked_again(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    finished_run(tmp_path)
    path = part_of(tmp_path, "grabs")
    lost = {(row["ip"], row["service"]) for row in pq.read_table(path).to_pylist()}
    harm(path)
    with pytest.raises(StudyError, match="damaged"):
        check_parts(tmp_path)
    stages = taken_up(tmp_path)
    assert stages["collect"].state is StageState.RUNNING
    assert stages["discover"].state is StageState.DONE
    assert asked_again(tmp_path) == lost
    assert (tmp_path / "damaged" / "grabs" / path.name).exists()
    check_parts(tmp_path)


def test_grabs_whose_certificates_are_lost_are_asked_again(tmp_path: Path) -> None:
    finished_run(tmp_path)
    path = part_of(tmp_path, "certificates")
    names = set(pq.read_table(path)["sha256"].to_pylist())
    rows = [row for part in visible_parts(tmp_path / "grabs") for row in pq.read_table(part.path).to_pylist()]
    lost = {(row["ip"], row["service"]) for row in rows if row["tls"] and names & set(row["tls"]["chain"])}
    flip(path)
    assert lost
    assert taken_up(tmp_path)["collect"].state is StageState.RUNNING
    assert asked_again(tmp_path) == lost


def test_discovery_begins_anew_where_hits_are_lost(tmp_path: Path) -> None:
    finished_run(tmp_path)
    flip(part_of(tmp_path, "hits"))
    stages = taken_up(tmp_path)
    assert (stages["discover"].state, stages["discover"].position) == (StageState.RUNNING, 0)
    assert stages["discover"].order == "an order"


def test_hits_of_an_earlier_run_are_no_reason_to_ask_anybody_now(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write([hit(1)])
    earlier = part_of(tmp_path, "hits")
    finished_run(tmp_path)
    old = Hit(run_id="a", seen_at=NOW, ip="127.0.0.1", port=25, engine="connect")
    second = visible_parts(tmp_path / "hits")[1]
    PartWriter(tmp_path, "hits", Hit).replace(second, [pq.read_table(earlier).slice(0, 0)])
    PartWriter(tmp_path, "hits", Hit).write([old])  # after it: so nothing before it is of the run
    flip(earlier)
    assert taken_up(tmp_path)["discover"].state is StageState.DONE


def test_parts_written_before_there_were_checksums_are_read_and_their_end_is_looked_for(
    tmp_path: Path,
) -> None:
    PartWriter(tmp_path, "hits", Hit).write([hit(1)])
    path = part_of(tmp_path, "hits")
    old = path.rename(path.with_name("part-00000001-00000001.parquet"))
    assert [part.path for part in visible_parts(tmp_path / "hits")] == [old]
    assert damaged_parts(tmp_path) == []
    cut(old)
    assert [one.part.path for one in damaged_parts(tmp_path)] == [old]


def test_a_run_that_has_not_begun_loses_nothing(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write([hit(1)])
    flip(part_of(tmp_path, "hits"))
    assert taken_up(tmp_path)["discover"].state is StageState.NOT_STARTED
    assert not run_file(tmp_path).exists()


def resolved_run(data: Path) -> None:
    """Four domains of a run and one of an earlier one; the exchanges of two of them in a second part."""
    states = {"two": (MailState.MX, 2), "implicit": (MailState.IMPLICIT_MX, 0), "one": (MailState.MX, 1),
              "none": (MailState.NO_MAIL, 0)}  # fmt: skip
    named = [("r", name, *state) for name, state in states.items()]
    PartWriter(data, "domains", Domain).write(
        [
            Domain(run_id=run_id, domain=name, as_given=name, position=0, registered_domain=name,
                   public_suffix="example", groups=(), mail=mail, exchanges=exchanges, asked_at=NOW)
            for run_id, name, mail, exchanges in [("a", "two", MailState.MX, 2), *named]
        ]
    )  # fmt: skip
    for names in (["one", "two"], ["two", "implicit"]):
        PartWriter(data, "mx", Mx).write(
            [
                Mx(run_id="r", domain=name, preference=1, exchange="x", state=ExchangeState.OK, asked_at=NOW)
                for name in names
            ]
        )
    done = StageProgress(StageState.DONE, NOW.isoformat(), order="a list")
    with CurrentRun(data, NOW) as run:
        run._record = RunRecord("r", {"resolve": done, "providers": done})
        run._store("resolve", done)


def test_only_domains_whose_exchanges_were_damaged_are_asked_about_again(tmp_path: Path) -> None:
    resolved_run(tmp_path)
    flip(visible_parts(tmp_path / "mx")[1].path)
    with CurrentRun(tmp_path, NOW) as run:
        stages = run.stage("resolve"), run.stage("providers")
    assert [(stage.state, stage.order) for stage in stages] == [
        (StageState.RUNNING, "a list"), (StageState.RUNNING, None),
    ]  # fmt: skip
    left = [(row["run_id"], row["domain"]) for row in pq.read_table(part_of(tmp_path, "domains")).to_pylist()]
    assert left == [("a", "two"), ("r", "one"), ("r", "none")]


def test_what_others_fetched_of_us_cannot_be_asked_again(tmp_path: Path) -> None:
    resolved_run(tmp_path)
    damaged = Damaged("policy_fetches", visible_parts(tmp_path / "mx")[0])
    assert stages_to_repeat(tmp_path, [damaged], "r") == []
