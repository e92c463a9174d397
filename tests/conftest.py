"""What tests of every room share: which ones are chosen, how they are spread over processes.

``pytest`` without paths runs everything, in several processes (pytest-xdist). A file's tests stay
in one process, as they share what was expensive to make; so do those of some folders. ``pytest
PATH`` and ``pytest -n 0`` run in one process.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

_VARIABLES = {
    "development_models": "GRIDSEVAL_ASSETS",
    "libero_plus": "GRIDSEVAL_LIBERO_PLUS",
}
"""Marks of tests that only certain data can answer, and the variable that names the data."""

_TOGETHER = ("tests/policies/lerobot_kind/",)
"""Folders whose files share fixtures that take minutes."""

_GB_PER_PROCESS = 5.0
"""Memory of a test process and of the simulators that it starts, at most."""

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes test: none of their own for named paths, else by this machine."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return 0
    return max(1, min(_cores(), int(_memory_gb() / _GB_PER_PROCESS)))


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not everywhere, such as on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _memory_gb() -> float:
    """Return the memory of the machine, or of the container if that has less."""
    least = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text(encoding="utf8").strip()).isdigit():
        least = min(least, int(text))
    return least / 1e9


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return a scheduler that keeps files, and some folders, in one process."""
    from xdist.scheduler import LoadFileScheduling

    class FolderScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return next((folder for folder in _TOGETHER if file.startswith(folder)), file)

    config.option.loadscopereorder = False  # the order is that of pytest_collection_modifyitems
    return FolderScheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Take over from a test process which tests it left out."""
    # A process that crashed has no output; pytest-xdist names its test after this.
    output = getattr(node, "workeroutput", None)
    if output is not None:
        node.config.stash[_LEFT_OUT] = Counter(output.get("left_out", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand to the first process which tests were left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash[_LEFT_OUT])


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
    if hasattr(config, "workerinput"):
        # The longest files first, so that no process is left with one at the end.
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: -slow[item.path])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were not chosen, and what to set to choose them."""
    for variable, count in terminalreporter.config.stash.get(_LEFT_OUT, Counter()).items():
        verb = "tests need" if count != 1 else "test needs"
        terminalreporter.write_line(f"{count} {verb} {variable}, which is not set: not chosen")


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all test processes of this session share; take a lock to fill it."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def assets(session_folder: Path) -> Iterator[Path]:
    """Return the asset root to test on: what the environment names, else the stand-ins."""
    named = os.environ.get("GRIDSEVAL_ASSETS")
    if named:
        yield Path(named)
        return
    from gridseval.assets.standins import standins_root

    with FileLock(session_folder / "stand-ins.lock"):
        root = standins_root(session_folder / "stand-ins")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRIDSEVAL_ASSETS", str(root))  # for what runs in processes of its own
        yield root


def _missing_variable(item: pytest.Item) -> str | None:
    """Return the variable that names a test's data, if it is not set."""
    for mark, variable in _VARIABLES.items():
        if item.get_closest_marker(mark) is not None and not os.environ.get(variable):
            return variable
    return None
