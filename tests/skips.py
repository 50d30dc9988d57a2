"""Where nothing may be skipped: MAILCENSUS_SKIP_IS_FAILURE=1 makes a skipped test a failed session, by name."""

from __future__ import annotations

import os

import pytest


def _skipped(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("MAILCENSUS_SKIP_IS_FAILURE") != "1":
        return []  # a worker of xdist has no reporter: its controller counts
    reports: list[pytest.TestReport] = reporter.stats.get("skipped", [])
    return reports


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = _skipped(config)
    if skipped:
        terminalreporter.section("skipped, and MAILCENSUS_SKIP_IS_FAILURE=1", red=True, bold=True)
        for report in skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            terminalreporter.line(f"{report.nodeid}: {reason}")
