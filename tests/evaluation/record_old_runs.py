"""Recipe: small run directories made by earlier versions, which later ones must go on reading.

Per commit it makes, below ``tests/evaluation/old_runs``: a complete run, the same one killed in the
middle, one of LIBERO-Plus, a perturbed one and one with a pruner's traces; and a list of the names
that users may have used. Videos, locks and ``summary.json`` are left out. A commit takes a minute:

    python tests/evaluation/record_old_runs.py c8a0846 531110c
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OLD_RUNS = Path(__file__).parent / "old_runs"

RUNS = {
    "complete": "--suite libero_object --policy oracle --tasks 0,1 --trials 2 --video none",
    "perturbed": "--suite libero_goal --policy zero --tasks 0 --trials 2 --max-steps 8"
    " --perturb robot_true:2 --perturb camera:3 --video none",
    "pruned": "--suite libero_goal --policy nano --tasks 0 --trials 2 --max-steps 8"
    " --policy-arg pruner=grids --policy-arg k=4 --video all",
    "plus": "--suite libero_plus_goal --policy zero --max-steps 8 --sample 8 --robot-true"
    " --video none",
}
PUBLIC = Path(__file__).parents[1] / "public_names.py"


def record(commit: str) -> None:
    """Make the runs of one commit, with this Python's packages, on the stand-ins."""
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "tree"
        tree.mkdir()
        archive = subprocess.run(["git", "archive", commit], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
        own = {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        data = ("GRIDSEVAL_ASSETS", "GRIDSEVAL_LIBERO_PLUS")
        environment = {key: value for key, value in os.environ.items() if key not in data} | own
        runs = Path(temporary) / "runs"
        runs.mkdir()
        for name, options in RUNS.items():
            subprocess.run(_command(name, options), cwd=runs, env=environment, check=True)
        _interrupted(runs, environment)
        target = OLD_RUNS / commit
        shutil.rmtree(target, ignore_errors=True)
        leave_out = shutil.ignore_patterns("videos", "summary.json", ".*", "table.md")
        shutil.copytree(runs, target, ignore=leave_out)
        said = subprocess.run(
            [sys.executable, PUBLIC, tree], env=environment, capture_output=True, check=True
        )
        (target / "public.json").write_bytes(said.stdout)


def _command(name: str, options: str) -> list[str]:
    rest = ("--workers", "0", "--out", name)
    return [sys.executable, "-m", "gridseval", "run", *options.split(), *rest]


def _interrupted(runs: Path, environment: dict[str, str]) -> None:
    """Start the complete run's command again and kill it after its first episode."""
    running = subprocess.Popen(_command("interrupted", RUNS["complete"]), cwd=runs, env=environment)
    episodes = runs / "interrupted" / "episodes.jsonl"
    while not (episodes.is_file() and episodes.read_bytes().count(b"\n")):
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()


if __name__ == "__main__":
    for commit in sys.argv[1:]:
        record(commit)
