"""Real servers for a whole session, and their logs beside every failure."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from realservers import hosts
from realservers.hosts import MailHost
from realservers.process import ServerMissing, tail

_LOGS = pytest.StashKey[list[Path]]()


@pytest.fixture(scope="session")
def server_directory(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A short path that users of daemons may enter, which pytest's own are not; kept when a test failed."""
    directory = Path(tempfile.mkdtemp(prefix="mailcensus-"))
    directory.chmod(0o755)
    yield directory
    if not request.session.testsfailed:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def mail_hosts(request: pytest.FixtureRequest, server_directory: Path) -> Iterator[dict[str, MailHost]]:
    """Six hosts of Postfix, Dovecot, OpenSSH and nginx, by name; `realservers.hosts` says what is where."""
    directory = server_directory / "hosts"
    directory.mkdir()
    try:
        with hosts.mail_hosts(directory) as running:
            request.config.stash[_LOGS] = [server.log for host in running.values() for server in host.servers]
            yield running
    except ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Beside a failure stands what the servers it talked to have logged meanwhile."""
    report = yield
    if report.failed:
        for log in item.config.stash.get(_LOGS, []):
            if log.stat().st_mtime >= call.start:
                report.sections.append((f"end of {log}", tail(log, lines=15)))
    return report
