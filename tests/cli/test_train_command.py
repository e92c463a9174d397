"""``gridseval train``: help, arguments, progress."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridseval.cli.training_progress import TrainingLines
from gridseval.training.snapshot import TrainingState


def test_help_fits_eighty_columns() -> None:
    given = {**os.environ, "COLUMNS": "80"}
    command = [sys.executable, "-m", "gridseval", "train", "--help"]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
    assert max(map(len, done.stdout.splitlines())) <= 80
    for title in ("Model:", "Training:", "In the simulator:", "Machine:"):
        assert f"\n{title}\n" in done.stdout
    # An option whose text does not fit would go on in a line that begins with blanks alone.
    options = done.stdout[done.stdout.index("Model:") :].splitlines()
    assert not [line for line in options if line.startswith(" " * 10)]


@pytest.mark.parametrize(
    ("words", "status", "said", "hint"),
    [
        (("nona", "data", "--out", "x"), 2, "gridseval trains no 'nona'", "did you mean 'nano'?"),
        (("nano", "--out", "x"), 2, "Missing argument 'DATASET...'", ""),
        (("nano", "data"), 2, "Missing option '--out'", ""),
        (("nano", "nowhere", "--out", "x"), 2, "nowhere is not a dataset: cannot read", "collect"),
        (("nano", "data", "--out", "x", "--steps", "2", "--minutes", "1"), 2, "contradict", ""),
        (("nano", "d", "--out", "x", "--policy-arg", "k"), 2, "not of the form key=value", ""),
        (("nano", "d", "--out", "x", "--device", "tpu"), 4, "no device 'tpu'", ""),
        (("nano", "d", "--out", "x", "--shape", "none.json"), 4, "cannot read none.json", ""),
    ],
)
def test_arguments_that_do_not_fit(
    cli: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    status: int,
    said: str,
    hint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("train", *words)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert hint in done.err
    assert not (tmp_path / "x").exists()


def test_lines_tell_loss_speed_and_time_left() -> None:
    said: list[str] = []
    now_s = [0.0]
    lines = TrainingLines(said.append, lambda: now_s[0])
    state = TrainingState(step=100)  # resumed
    for _ in range(100):
        now_s[0] += 1.0
        state.step += 1
        lines.on_step(state, state.step / 400, 0.5)
    assert said[-1] == "48 %, step 190, loss 0.5000, 1.00 steps/s, 4 min left"
    assert len(said) == 3
    state.rows += [{"step": 190, "validation": 0.25}, {"step": 195, "validation": None}]
    now_s[0] += 30.0
    lines.on_step(state, 0.5, 0.5)
    assert "loss 0.5000, held-out 0.2500, " in said[-1]
    lines.on_note("step 200: 3 of 4 episodes of libero_object solved")
    assert said[-1].endswith("solved")
    state.step = 400
    lines.on_step(state, 1.02, 0.25)
    assert said[-1].startswith("100 %, step 400, loss 0.4950")
