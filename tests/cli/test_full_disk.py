"""A disk that fills up: exit code 5, earlier records readable, and more space is all it takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gridseval.results.run.jsonl import read_records

PAGE = 4096


@dataclass(frozen=True)
class Disk:
    """A small disk, or where none can be mounted, a limit on the size of files.

    Attributes:
        folder: Where to write.
        mounted: Whether it is a disk of its own.
    """

    folder: Path
    mounted: bool

    def run(self, words: list[object], free_pages: int | None) -> subprocess.CompletedProcess[str]:
        """Run the command line with so little space, or with all there is."""
        command = [sys.executable, "-m", "gridseval", *map(str, words)]
        ballast = self.folder / "ballast"
        ballast.unlink(missing_ok=True)
        if free_pages is not None and self.mounted:
            _fill(ballast, free_pages)
        elif free_pages is not None:
            command = ["prlimit", f"--fsize={PAGE}", *command]
        return subprocess.run(command, capture_output=True, text=True)


def _fill(ballast: Path, free_pages: int) -> None:
    pages = 0
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(PAGE)) == PAGE:
                pages += 1
        except OSError:
            file.truncate((pages - free_pages) * PAGE)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0
    yield Disk(folder, mounted)
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _assert_full(done: subprocess.CompletedProcess[str], disk: Disk) -> None:
    assert done.returncode == 5, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("gridseval: cannot ") == 1
    assert str(disk.folder) in done.stderr


def test_no_space_for_records(disk: Disk, run_words: Callable[..., list[object]]) -> None:
    run = disk.folder / "run"
    short = ("--trials", 12, "--max-steps", 1, "--video", "none", "--out", run)
    # Space for the lock, the owner, the manifest and a page of records.
    done = disk.run(run_words("zero", *short), free_pages=4)
    _assert_full(done, disk)
    reason = "No space left on device" if disk.mounted else "File too large"
    assert reason in done.stderr
    records = read_records(run / "episodes.jsonl")
    assert [record.trial for record in records] == list(range(len(records)))
    assert 1 <= len(records) < 12
    done = disk.run(run_words("zero", *short), free_pages=None)
    assert done.returncode == 0, done.stderr
    assert {r.trial for r in read_records(run / "episodes.jsonl")} == set(range(12))


def test_no_space_for_a_video(disk: Disk, run_words: Callable[..., list[object]]) -> None:
    run = disk.folder / "run"
    words = run_words("random", "--trials", 1, "--max-steps", 20, "--video", 1, "--out", run)
    done = disk.run(words, free_pages=4)
    _assert_full(done, disk)
    assert f"cannot write video {run}/videos/libero_object-00-000-" in done.stderr
    assert list((run / "videos").iterdir()) == []
    assert read_records(run / "episodes.jsonl") == ()
    done = disk.run(words, free_pages=None)
    assert done.returncode == 0, done.stderr
    (record,) = read_records(run / "episodes.jsonl")
    assert record.video is not None
    assert (run / record.video).stat().st_size > 4 * PAGE
