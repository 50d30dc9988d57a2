"""Records that are made quickly are those that dataclasses makes."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from inspect import signature

import pytest

from mailcensus.model import Grab, Http, Ssh, SshHostKey, Tls
from mailcensus.model.quick_records import quickly_made


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    port: int
    name: str | None = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    port: int
    name: str | None = None


def test_a_quick_record_has_what_it_was_given_and_its_defaults() -> None:
    assert (Quick(port=25).port, Quick(port=25).name, Quick(port=25, name="mx").name) == (25, None, "mx")
    assert repr(Quick(port=25)) == "Quick(port=25, name=None)"
    assert Quick(port=25) == Quick(port=25) != Quick(port=26)
    assert hash(Quick(port=25)) == hash(Slow(port=25))
    assert signature(Quick).parameters == signature(Slow).parameters


@pytest.mark.parametrize("arguments", [{}, {"port": 1, "other": 2}])
def test_a_quick_record_refuses_what_a_slow_one_refuses(arguments: dict[str, int]) -> None:
    for record in (Slow, Quick):
        with pytest.raises(TypeError):
            record(**arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Quick(25)  # type: ignore[misc]


@pytest.mark.parametrize("record", [Quick(port=25), Http(status=200), Ssh(), Tls(version=771)])
def test_a_quick_record_is_frozen_and_of_its_own_class(record: object) -> None:
    name = fields(record)[0].name  # type: ignore[arg-type]
    assert type(record).__name__ in ("Quick", "Http", "Ssh", "Tls")
    with pytest.raises(FrozenInstanceError):
        setattr(record, name, 1)
    with pytest.raises(FrozenInstanceError):
        delattr(record, name)


@pytest.mark.parametrize(
    "made", [lambda one: replace(one), copy.copy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies_of_a_quick_record_are_equal_and_frozen(made) -> None:  # type: ignore[no-untyped-def]
    before = Http(status=200, server="nginx")
    after = made(before)
    assert after == before
    assert type(after) is Http
    with pytest.raises(FrozenInstanceError):
        after.status = 404


def test_records_of_a_grab_are_made_quickly() -> None:
    for record in (Grab, Tls, Ssh, SshHostKey, Http):
        assert "writable" in record.__init__.__code__.co_names
