"""Memory that a worker and the pool share, on machines that have none, or little."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.envs import python_process
from gridseval.envs.pool import shared_memory
from gridseval.envs.pool.process import WorkerProcess
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.pool.shared_memory import SharedObservation
from gridseval.envs.python_process import ending
from gridseval.errors import MachineError

KEYS = ("agentview", "state")


def works(shared: SharedObservation) -> bool:
    seen = {"agentview": np.full((8, 8, 3), 7, np.uint8), "state": np.arange(8, dtype=np.float32)}
    rest = shared.write({**seen, "instruction": "wave"})
    read = shared.read()
    same = all(np.array_equal(read[key], seen[key]) for key in KEYS)
    return same and rest == {"instruction": "wave"}


def refuse(monkeypatch: pytest.MonkeyPatch, number: int, *folders: Any) -> list[Any]:
    """Let temporary files in these folders fail with an error number; return those asked for."""
    asked: list[Any] = []
    real = tempfile.TemporaryFile

    def make(**options: Any) -> Any:
        asked.append(options["dir"])
        if options["dir"] in folders:
            raise OSError(number, os.strerror(number))
        return real(**options)

    monkeypatch.setattr(shared_memory.tempfile, "TemporaryFile", make)
    return asked


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EPERM])
def test_without_the_memory_disk_a_temporary_file_serves(
    number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shared_memory, "MEMORY_DISK", tmp_path)
    asked = refuse(monkeypatch, number, tmp_path)
    shared = SharedObservation(KEYS, 8)
    assert asked == [tmp_path, None]
    assert works(shared)
    shared.close()


def test_a_memory_disk_that_is_too_small_is_found_out_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that was only made longer has no memory behind it: writing to it kills a process."""
    monkeypatch.setattr(shared_memory, "MEMORY_DISK", tmp_path)
    real, full = os.posix_fallocate, []

    def allocate(descriptor: int, offset: int, size: int) -> None:
        if str(tmp_path) in os.readlink(f"/proc/self/fd/{descriptor}"):  # noqa: PTH115
            full.append(size)
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor, offset, size)

    written: list[int] = []
    monkeypatch.setattr(os, "posix_fallocate", allocate)
    monkeypatch.setattr(shared_memory, "_write_zeros", lambda _, size: written.append(size))
    shared = SharedObservation(KEYS, 8)
    assert full == [8 * 8 * 3 + 32 + 10] and written == []
    assert works(shared)
    shared.close()


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_cannot_reserve_is_written_to(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocate(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", allocate)
    shared = SharedObservation(KEYS, 8)
    assert os.fstat(shared.descriptor).st_blocks > 0
    assert works(shared)
    shared.close()


def test_neither_is_the_machine_s_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shared_memory, "MEMORY_DISK", tmp_path)
    refuse(monkeypatch, errno.EROFS, tmp_path, None)
    with pytest.raises(MachineError) as caught:
        SharedObservation(KEYS, 8)
    assert f"{tmp_path}: Read-only file system; a temporary file: Read-only" in str(caught.value)
    assert "--shm-size" in str(caught.value.hint) and "TMPDIR" in str(caught.value.hint)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC, errno.EAGAIN])
def test_a_worker_that_cannot_be_started_is_the_machine_s_fault(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(python_process.subprocess, "Popen", fail)
    with pytest.raises(MachineError, match="no worker process can be started"):
        WorkerProcess(0, EnvSettings(suite="libero_object", observations=("state",)), 1.0)


def test_a_worker_that_its_memory_kills_says_so() -> None:
    assert "was ended by SIGBUS (is the memory of /dev/shm" in ending(-7)
    assert ending(-9) == "was ended by SIGKILL"


def test_the_worker_s_mark_is_seen_by_the_pool() -> None:
    ours = SharedObservation(KEYS, 8)
    theirs = SharedObservation(KEYS, 8, os.dup(ours.descriptor))
    assert not ours.marked
    theirs.mark(ready=True)
    assert ours.marked and works(theirs) and ours.marked
    ours.mark(ready=False)
    assert not theirs.marked
    ours.close()
    theirs.close()
