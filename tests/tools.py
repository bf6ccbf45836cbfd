"""Tests that need a tool of the machine: found, or left out by name; where all must run, leaving one out fails.

A test says `@pytest.mark.needs("strace")` for a command, `@pytest.mark.needs(module="wasmtime")` for a Python package.
Commands are looked for in the folders of `OSTEON_TOOLS`, then on the path. With `OSTEON_COMPLETE=1` none is left out.
"""

import importlib.util
import os
import shutil
from collections.abc import Iterable, Iterator

import pytest

__all__ = ["find"]

HOW_TO_GET = {
    "go": "install Go",
    "opa": "go install github.com/open-policy-agent/opa@v1.22.2",
    "strace": "install the package 'strace' (Linux)",
}


def find(tool: str) -> str | None:
    """Where a command is, or None."""
    path = os.pathsep.join([*own_folders(), os.environ.get("PATH", os.defpath)])
    return shutil.which(tool, path=path)


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers."""
    config.addinivalue_line("markers", "needs(*tools, module): left out, and named, where a tool or package is missing")
    config.addinivalue_line("markers", "soak: takes minutes; run by './dev soak' alone")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave a test out, or fail it where all must run, before its fixtures start anything."""
    missing = [reason for mark in item.iter_markers("needs") for reason in what_is_missing(mark)]
    if missing and must_be_complete():
        pytest.fail("; ".join(missing), pytrace=False)
    if missing:
        pytest.skip("; ".join(missing))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a complete run that left out a test for whatever reason."""
    if must_be_complete() and left_out(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List what was left out, and why."""
    skipped = left_out(config)
    if not skipped:
        return
    terminalreporter.section("left out")
    for reason in sorted({why for _, why in skipped}):
        terminalreporter.write_line(reason)
        for test in (name for name, why in skipped if why == reason):
            terminalreporter.write_line(f"  {test}")


def what_is_missing(mark: pytest.Mark) -> Iterator[str]:
    """The reasons why a marked test cannot run here."""
    for tool in names(mark.args):
        if find(tool) is None:
            yield f"'{tool}' is not here: {HOW_TO_GET.get(tool, 'install it')}"
    for module in names([mark.kwargs["module"]] if "module" in mark.kwargs else []):
        if importlib.util.find_spec(module) is None:
            yield f"the Python package '{module}' is not here"


def left_out(config: pytest.Config) -> list[tuple[str, str]]:
    """Every skipped test or file, with its reason."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not isinstance(reporter, pytest.TerminalReporter):
        return []
    return [(report.nodeid, why(report)) for report in reporter.stats.get("skipped", [])]


def why(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The reason that a skipped report carries: pytest keeps a path, a line, and 'Skipped: …'."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def must_be_complete() -> bool:
    """Whether everything must run, as in continuous integration."""
    return os.environ.get("OSTEON_COMPLETE") == "1"


def own_folders() -> list[str]:
    """The folders where the project keeps tools that it built."""
    return [folder for folder in os.environ.get("OSTEON_TOOLS", "").split(os.pathsep) if folder]


def names(arguments: Iterable[object]) -> Iterator[str]:
    """The words of a marker, which pytest hands on untyped."""
    yield from (str(argument) for argument in arguments)
