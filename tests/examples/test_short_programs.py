"""The short programs of ``examples/``, run as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gridseval.results import EpisodeRecord

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PROGRAMS = (
    "gate_from_python.py",
    "own_policy.py",
    "own_pruner.py",
    "reach_at_start.py",
    "read_run_with_pandas.py",
    "vector_env.py",
)


def run(name: str, *arguments: object, status: int = 0) -> list[str]:
    """Run a program and return the lines that it printed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == status, done.stderr
    return done.stdout.splitlines()


def record(task: int, trial: int, status: str) -> EpisodeRecord:
    return EpisodeRecord(
        suite="libero_object",
        task=task,
        task_name=f"task_{task}",
        trial=trial,
        instruction=f"task {task}",
        status=status,  # type: ignore[arg-type]
        success=None if status == "error" else status == "success",
        steps=10 + trial,
        error="gone" if status == "error" else None,
        seed=7,
        extra={"seconds": {"physics": 1.5}, "latency_ms": 4.0},
    )


def write(folder: Path, records: Sequence[EpisodeRecord]) -> Path:
    folder.mkdir()
    lines = [each.to_json() for each in records]
    (folder / "episodes.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (folder / "run.yaml").write_text("suite: libero_object\nassets: {hash: abc}\n")
    return folder


def test_these_are_all() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted(PROGRAMS)


def test_the_vector_loop_is_ten_lines_and_steps_two_tasks(assets: Path) -> None:
    text = (EXAMPLES / "vector_env.py").read_text(encoding="utf8")
    code = [line for line in text.partition('"""\n\n')[2].splitlines() if line.strip()]
    assert len(code) <= 10
    (line,) = run("vector_env.py", 2)
    assert line.startswith("(2, 256, 256, 3) ('pick up the alphabet soup")
    assert line.endswith("[2 2]")


def test_a_policy_of_ones_own_runs(assets: Path, tmp_path: Path) -> None:
    assert run("own_policy.py", tmp_path / "run", 8) == ["0 of 1 episodes solved"]
    assert "height_m: 1.2" in (tmp_path / "run" / "run.yaml").read_text()


def test_a_policy_of_ones_own_moves_to_its_goal() -> None:
    import numpy as np

    from gridseval.policies import check_actions, load_policy

    loaded = load_policy(f"{EXAMPLES / 'own_policy.py'}:Reach", None, {}, seed=7)
    state = np.zeros((1, 8), np.float32)
    state[0, :3] = (0.05, 0.0, 1.4)
    actions = check_actions(loaded.policy.act({"state": state}), 1)
    assert actions[0, 0] == pytest.approx([-0.5, 0, -1, 0, 0, 0, -1])


def test_a_pruner_of_ones_own_keeps_the_middle() -> None:
    counts, *rows = run("own_pruner.py")
    assert counts == "32 of 512 tokens kept"
    numbers = [row.strip(" []").split() for row in rows]
    kept = {(y, x) for y, row in enumerate(numbers) for x, cell in enumerate(row) if cell == "1"}
    assert kept == {(y, x) for y in range(6, 10) for x in range(6, 10)}


def test_the_gate_tells_a_regression_from_a_pass(tmp_path: Path) -> None:
    good = [record(0, trial, "success") for trial in range(50)]
    bad = [record(0, trial, "failure" if trial < 25 else "success") for trial in range(50)]
    old, worse = write(tmp_path / "old", good), write(tmp_path / "worse", bad)
    same = write(tmp_path / "same", [replace(each, steps=20) for each in good])
    lines = run("gate_from_python.py", worse, old, status=1)
    assert lines[:2] == ["old: 50 of 50, 0 errors", "worse: 25 of 50, 0 errors"]
    assert "egression" in lines[2]
    assert run("gate_from_python.py", same, old)[2].startswith("Pass")


def test_pandas_reads_a_run(tmp_path: Path) -> None:
    records = [
        record(0, 0, "success"),
        record(0, 1, "error"),
        record(0, 1, "failure"),  # by --retry-errors
        record(1, 0, "error"),
    ]
    lines = run("read_run_with_pandas.py", write(tmp_path / "run", records))
    assert lines[-2].split() == ["task_0", "0.5", "2", "10.5"]
    assert lines[-1] == "1 errors"


@pytest.mark.libero_plus
@pytest.mark.development_models
@pytest.mark.usefixtures("assets")
def test_objects_out_of_reach_are_counted(tmp_path: Path) -> None:
    """LIBERO-Plus puts a bowl at the table's far edge in one of these, and not in the other."""
    listed = tmp_path / "list.yaml"
    listed.write_text(
        "suites:\n- suite: libero_plus_goal\n  tasks:\n"
        "  - {task: 1970, reason: 'out of reach: akita_black_bowl_1'}\n"
        "  - {task: 2153, reason: 'out of reach: cream_cheese_1'}\n"
        "  - {task: 1920, reason: out of time}\n"
    )
    lines = run("reach_at_start.py", listed)
    assert "1.056 m" in lines[0]
    assert "0.849 m" in lines[1]
    assert lines[2].startswith("1 of 2 begin with the object's centre more than 0.947 m away")
