"""File systems without locks: a file guards a run, and other things go on with a warning."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from gridseval.assets.pull import _alone
from gridseval.errors import OutputError
from gridseval.locking import try_acquire, try_flock, unguarded
from gridseval.results import RunDirectory

WITHOUT = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP]


@pytest.fixture(params=WITHOUT, ids=lambda number: errno.errorcode[number])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let every lock of the operating system fail as such file systems let it fail."""

    def fail(*_: Any) -> None:
        raise OSError(request.param, os.strerror(request.param))

    for name in ("flock", "lockf"):
        monkeypatch.setattr(fcntl, name, fail)
    number: int = request.param
    return number


def test_a_run_goes_on_and_is_guarded_all_the_same(no_locks: int, tmp_path: Path) -> None:
    for _ in range(2):  # begun and resumed
        begun = RunDirectory.open(tmp_path / "run", {"suite": "s"})
        with begun, pytest.raises(OutputError, match="another process"):
            RunDirectory.open(tmp_path / "run", {"suite": "s"})


def test_a_pull_goes_on_and_says_so(
    no_locks: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    done = False
    with _alone(tmp_path / "assets", None):
        done = True
    assert done
    assert caplog.messages in ([unguarded(tmp_path)], [])
    assert caplog.messages or no_locks == errno.ENOSYS  # filelock then locks by a file's existence


@pytest.mark.parametrize("number", [errno.EIO, errno.EBADF, errno.EINTR])
def test_other_errors_are_told(
    number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        try_flock(0)


def test_a_second_process_is_refused_where_there_are_locks(tmp_path: Path) -> None:
    run = RunDirectory.open(tmp_path / "run", {"suite": "s"})
    lock = tmp_path / "run" / ".lock"
    with run, lock.open("r+") as file, pytest.raises(BlockingIOError):
        try_flock(file.fileno())
    first, second = (FileLock(tmp_path / ".lock", thread_local=False) for _ in range(2))
    assert try_acquire(first, 0)
    with pytest.raises(Timeout):
        try_acquire(second, 0)
    first.release()
