"""Where what is compiled or written while libero is imported is kept."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from gridseval.assets import layout
from gridseval.envs import libero_package
from gridseval.envs.libero_package import cache_dir
from gridseval.errors import MachineError


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for temporary files, in which nothing lies yet."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def unwritable_cache(how: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a cache in which nothing can be written; root may write wherever permissions say no."""
    place = folder / "cache"
    if how == "a file":
        place.write_text("no folder")
    else:
        place.mkdir()
        real = tempfile.TemporaryFile

        def make(**options: Any) -> Any:
            if Path(options["dir"]).is_relative_to(place):
                raise OSError(getattr(errno, how), os.strerror(getattr(errno, how)))
            return real(**options)

        monkeypatch.setattr(libero_package.tempfile, "TemporaryFile", make)
    monkeypatch.setattr(libero_package, "user_cache_dir", lambda: place)


@pytest.mark.parametrize("how", ["a file", "EROFS", "EACCES", "EDQUOT", "ENOSPC"])
def test_all_processes_share_one_folder_and_leave_nothing_else(
    how: str, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwritable_cache(how, tmp_path, monkeypatch)
    own = temporary / f"gridseval-{os.getuid()}"
    for _ in range(3):  # as three workers, or three runs
        assert cache_dir("numba") == own / "numba"
        assert cache_dir("matplotlib") == own / "matplotlib"
    assert list(temporary.iterdir()) == [own]
    assert own.stat().st_mode & 0o777 == 0o700


def test_a_cache_that_can_be_written_is_used(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libero_package, "user_cache_dir", lambda: tmp_path / "cache")
    assert cache_dir("numba") == tmp_path / "cache" / "numba"
    assert list((tmp_path / "cache" / "numba").iterdir()) == list(temporary.iterdir()) == []


@pytest.mark.parametrize("whose", ["open to all", "another user's", "a link"])
def test_a_folder_that_others_can_write_is_refused(
    whose: str, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What numba stored there is code that would be run."""
    unwritable_cache("EROFS", tmp_path, monkeypatch)
    own = temporary / f"gridseval-{os.getuid()}"
    if whose == "a link":
        (tmp_path / "elsewhere").mkdir()
        own.symlink_to(tmp_path / "elsewhere")
    else:
        own.mkdir()
        own.chmod(0o777 if whose == "open to all" else 0o700)
    if whose == "another user's":
        another = os.getuid() + 1
        monkeypatch.setattr(layout.os, "getuid", lambda: another)
        own.rename(temporary / f"gridseval-{another}")
    with pytest.raises(MachineError, match="can be written by others"):
        cache_dir("numba")


def test_no_temporary_folder_at_all_is_the_machine_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwritable_cache("EROFS", tmp_path, monkeypatch)

    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(layout.tempfile, "gettempdir", none)
    with pytest.raises(MachineError, match="no temporary folder") as caught:
        cache_dir("numba")
    assert "TMPDIR" in str(caught.value.hint)
