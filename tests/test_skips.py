"""The rule that continuous integration skips nothing."""

import pytest

SKIPPING = """
import pytest

def test_of_a_server_that_is_not_installed():
    pytest.skip("no such server")

def test_that_runs():
    pass
"""


@pytest.mark.parametrize(
    ("setting", "exit_code"), [("1", pytest.ExitCode.TESTS_FAILED), ("0", pytest.ExitCode.OK)]
)
def test_a_skip_fails_the_session_by_name_where_nothing_may_be_skipped(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, setting: str, exit_code: pytest.ExitCode
) -> None:
    monkeypatch.setenv("MAILCENSUS_SKIP_IS_FAILURE", setting)
    pytester.makepyfile(SKIPPING)
    result = pytester.runpytest_inprocess("-p", "skips")
    assert result.ret == exit_code
    result.assert_outcomes(passed=1, skipped=1)
    named = any("test_of_a_server_that_is_not_installed: " in line for line in result.outlines)
    assert named == (exit_code is pytest.ExitCode.TESTS_FAILED)
