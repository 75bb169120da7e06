"""Isolation for every test, and the rule that CI does not skip in silence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.leaks import Watch
from tests.support.symmetry import network as symmetry

# No test fails for being slow: the machine may be busy with others.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture(autouse=True)
def isolated_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the developer's own settings, templates or caches."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("TWINNY_"):
            monkeypatch.delenv(name)
    return home


WATCH = Watch()


def pytest_sessionstart() -> None:
    """From now on no key may be on a command line."""
    WATCH.start()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Nor in what a test prints and logs; a failing one shows its own source, keys and all."""
    if report.passed:
        for title, content in report.sections:
            WATCH.read(f"{title} of {report.nodeid}", content)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A key where none may be turns the run red; with CI=true, a skip that the README does not list too."""
    WATCH.stop()
    for where in sorted(set(WATCH.found)):
        terminalreporter.write_line(f"the tests' API key is in {where}", red=True)
    if WATCH.found:
        terminalreporter._session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if os.environ.get("CI") != "true":
        return
    listed = README.read_text(encoding="utf-8")
    unlisted = [
        report.nodeid
        for report in terminalreporter.stats.get("skipped", [])
        if report.nodeid.split("::")[-1].split("[")[0] not in listed
    ]
    for nodeid in unlisted:
        terminalreporter.write_line(f"skipped, and not listed in the README: {nodeid}", red=True)
    if unlisted:
        terminalreporter._session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def symmetry_modules() -> Path:
    """What the Symmetry sidecar needs; from npm's registry when this checkout has never had it."""
    try:
        return symmetry.modules()
    except RuntimeError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def symmetry_network(symmetry_modules: Path) -> Iterator[symmetry.Running]:
    """A whole Symmetry network on 127.0.0.1, with a provider for each framing."""
    with symmetry.run(symmetry_modules, "network", *symmetry.FRAMINGS) as network:
        yield network
