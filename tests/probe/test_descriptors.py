"""Room for file descriptors; the limits of this process are put back."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator

import pytest

from mailcensus.probe.descriptors import make_room_for, ran_out
from mailcensus.study import StudyError


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_as_far_as_needed(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    make_room_for(300)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 428
    make_room_for(10)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 428


def test_what_the_system_does_not_allow_names_the_setting_and_the_most_it_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 1024))
    with pytest.raises(
        StudyError, match=r"politeness\.in_flight: 2000 connections .* set it to 896 or raise"
    ):
        make_room_for(2000)


def test_running_out_of_descriptors_is_known_however_deep_it_lies() -> None:
    out = OSError(errno.EMFILE, "Too many open files")
    closing = RuntimeError("Cannot close a running event loop")
    closing.__context__ = ExceptionGroup("tasks", [ValueError(), ExceptionGroup("more", [out])])
    assert ran_out(closing)
    assert not ran_out(ExceptionGroup("tasks", [OSError(errno.ENOENT, "nowhere"), RuntimeError()]))
