"""Pools of workers without a simulator, closed after the test."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pool_doubles import FakeSettings

from gridseval.envs.pool.pool import WorkerPool

MakePool = Callable[..., WorkerPool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    with contextlib.ExitStack() as opened:

        def make(workers: int = 2, timeout_s: float = 60.0, **changed: object) -> WorkerPool:
            settings = FakeSettings("libero_object", backend="osmesa", **changed)  # type: ignore[arg-type]
            pool = WorkerPool(settings, workers, timeout_s)
            opened.callback(pool.close)
            return pool

        yield make


@pytest.fixture
def poisoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where modules lie that must not be imported."""
    for name in ("numpy", "runpy", "json"):
        (tmp_path / f"{name}.py").write_text(f"raise AssertionError({name!r})", encoding="utf8")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def set_patience() -> Callable[[WorkerPool, float], None]:
    """Return a way to shorten the time-out once the workers are up, which takes its time."""

    def set_patience(pool: WorkerPool, seconds: float) -> None:
        for worker in pool._workers:
            worker._timeout_s = seconds

    return set_patience


def ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie that nobody has waited for yet."""
    with contextlib.suppress(OSError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.fixture(scope="session")
def all_end() -> Callable[..., bool]:
    def wait(pids: list[int], within_s: float) -> bool:
        until = time.monotonic() + within_s
        while not all(map(ended, pids)):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    return wait
