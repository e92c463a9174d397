"""The files that are tortured: a run, a checkpoint, a suite, a dataset's metadata."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from commands import run_command
from own_suites import write_suite

SHORT = ("--max-steps", "2", "--workers", "0", "--video", "none")


@dataclass(frozen=True)
class Stage:
    """A folder with good files, and copies of it to spoil.

    Attributes:
        good: The good files.
        scratch: Where copies go.
    """

    good: Path
    scratch: Path

    def fresh(self, number: int) -> Path:
        """Return a folder of copies, deep enough for ``--out ../..`` to do no harm."""
        folder = self.scratch / f"{number}" / "a" / "b"
        shutil.copytree(self.good, folder)
        return folder

    def clear(self, number: int) -> None:
        """Remove the copies."""
        shutil.rmtree(self.scratch / f"{number}", ignore_errors=True)


def set_stage(folder: Path) -> Stage:
    """Make the good files; caches and the home folder of all commands lie in the folder, too."""
    good, scratch, home = folder / "good", folder / "scratch", folder / "home"
    for each in (good, scratch, home):
        each.mkdir(parents=True)
    os.environ |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "COLUMNS": "80"}
    write_suite(good / "suite")
    from gridseval.policies.nano.checkpoint import save_nano

    save_nano(good / "nano")
    for name, policy in (("run", "zero"), ("other", "random")):
        words = ("run", "--suite", "libero_object", "--policy", policy, "--tasks", "0,1")
        _do(good, *words, "--trials", "2", "--record-actions", "--out", name, *SHORT)
    _do(good, "report", "run", "--out", "report.html")
    return Stage(good, scratch)


def _do(folder: Path, *words: str) -> None:
    ended = run_command(words, folder, 300, 10)
    if ended.status:
        raise SystemExit(f"gridseval {' '.join(words)} ended with {ended.status}: {ended.err}")
