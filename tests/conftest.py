"""What tests of every room share, and which tests are chosen where data are not at hand."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

_VARIABLES = {
    "development_models": "GRIDSEVAL_ASSETS",
    "libero_plus": "GRIDSEVAL_LIBERO_PLUS",
}
"""Marks of tests that only certain data can answer, and the variable that names the data."""

_LEFT_OUT = pytest.StashKey["Counter[str]"]()


def pytest_configure(config: pytest.Config) -> None:
    """No test asks the real hub (the network is the machine's) or uses torch's many threads."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    # Small products are faster, and rounded the same everywhere, in one thread; torch reads this
    # when it is imported, and so do the processes that tests start.
    os.environ["OMP_NUM_THREADS"] = "1"
    # Examples are judged by what they show, not by how busy the machine was with others' work.
    settings.register_profile("gridseval", deadline=None)
    settings.load_profile("gridseval")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the tests whose data the environment names; the rest are told of at the end."""
    chosen, left_out, reasons = [], [], Counter[str]()
    for item in items:
        variable = _missing_variable(item)
        if variable is None:
            chosen.append(item)
        else:
            left_out.append(item)
            reasons[variable] += 1
    config.stash[_LEFT_OUT] = reasons
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were not chosen, and what to set to choose them."""
    for variable, count in terminalreporter.config.stash.get(_LEFT_OUT, Counter()).items():
        verb = "tests need" if count != 1 else "test needs"
        terminalreporter.write_line(f"{count} {verb} {variable}, which is not set: not chosen")


@pytest.fixture(scope="session")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the asset root to test on: what the environment names, else the stand-ins."""
    named = os.environ.get("GRIDSEVAL_ASSETS")
    if named:
        yield Path(named)
        return
    from gridseval.assets.standins import standins_root

    root = standins_root(tmp_path_factory.mktemp("stand-ins"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRIDSEVAL_ASSETS", str(root))  # for what runs in processes of its own
        yield root


def _missing_variable(item: pytest.Item) -> str | None:
    """Return the variable that names a test's data, if it is not set."""
    for mark, variable in _VARIABLES.items():
        if item.get_closest_marker(mark) is not None and not os.environ.get(variable):
            return variable
    return None
