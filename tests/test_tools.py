"""What the marker `needs` promises, shown on small test files of its own."""

import pytest

NEEDY = """
import pytest

@pytest.mark.needs("no-such-tool")
def test_needs_a_tool_of_the_machine() -> None:
    pass

def test_needs_nothing_at_all() -> None:
    pass
"""
SHY = """
import pytest

def test_skips_of_its_own() -> None:
    pytest.skip("not today")
"""


@pytest.fixture(autouse=True)
def plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSTEON_COMPLETE", raising=False)
    pytester.makeconftest('pytest_plugins = ["tests.tools"]')


def test_names_what_was_left_out(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(NEEDY)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*left out*", "'no-such-tool' is not here: install it", "  *::test_needs_a_tool_of_the_machine"]
    )
    assert result.ret == pytest.ExitCode.OK


def test_complete_run_fails_without_the_tool(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTEON_COMPLETE", "1")
    pytester.makepyfile(NEEDY)
    pytester.runpytest_inprocess().assert_outcomes(passed=1, errors=1)


def test_complete_run_fails_on_any_skip(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTEON_COMPLETE", "1")
    pytester.makepyfile(SHY)
    assert pytester.runpytest_inprocess().ret == pytest.ExitCode.TESTS_FAILED


def test_finds_tools_the_project_built(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = pytester.mkdir("built") / "no-such-tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("OSTEON_TOOLS", str(tool.parent))
    pytester.makepyfile(NEEDY)
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_names_a_missing_python_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(NEEDY.replace('"no-such-tool"', 'module="no_such_package"'))
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(["the Python package 'no_such_package' is not here"])
