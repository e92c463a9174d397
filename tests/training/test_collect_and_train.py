"""From the expert's episodes to a checkpoint that acts: the whole way, in the simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gridseval.results import read_run


@pytest.mark.slow
def test_three_episodes_to_a_checkpoint_that_runs(assets: Path, tmp_path: Path) -> None:
    def gridseval(*words: object) -> str:
        command = [sys.executable, "-m", "gridseval", *map(str, words)]
        given = {**os.environ, "GRIDSEVAL_ASSETS": str(assets)}
        done = subprocess.run(command, env=given, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    data, out = tmp_path / "data", tmp_path / "nano"
    few = ("--suite", "libero_object", "--tasks", "0", "--workers", "1")
    gridseval(
        *("collect", *few, "--starts", "fresh:3", "--policy", "oracle", "--noise", "0.35"),
        *("--image-px", "128", "--out", data),
    )
    train = (
        *("train", "nano", data, "--out", out, "--steps", "60", "--batch", "16", "--lr", "2e-3"),
        *("--pruner", "grids", "--policy-arg", "k=4", "--workers", "1", "--holdout", "0"),
        *("--dagger", "1", "--dagger-starts", "1", "--evaluate-every", "60"),
        *("--evaluate-starts", "1"),
    )
    said = gridseval(*train)
    assert "of 1 episodes on fresh starts solved" in said
    assert f"checkpoint: {out}" in said
    record = yaml.safe_load((out / "train.yaml").read_text())
    assert record["loss"]["last"] < 0.85 * record["loss"]["first"]
    assert [each["step"] for each in record["evaluations"]] == [60]
    # The round's episode has frames that the expert labelled.
    (result,) = record["dagger"]
    info = json.loads((out / result["path"] / "meta/info.json").read_text())
    assert info["total_episodes"] == 1
    round_run = read_run(out / result["path"]).manifest
    assert (round_run["env_seed"], round_run["collect"]["label"]["name"]) == (301, "oracle")
    assert round_run["policy"]["name"] == "nano"
    evaluation = read_run(out / "evaluations" / "step-0000060-libero_object").manifest
    assert (evaluation["env_seed"], evaluation["starts"]) == (300, "fresh")
    assert (
        "finished training"
        in subprocess.run(
            [sys.executable, "-m", "gridseval", *map(str, train)],
            env={**os.environ, "GRIDSEVAL_ASSETS": str(assets)},
            capture_output=True,
            text=True,
            check=True,
        ).stderr
    )
    gridseval(
        "run", *few, "--trials", "1", "--ckpt", out, "--max-steps", "24", "--out", tmp_path / "r"
    )
    run = read_run(tmp_path / "r")
    assert run.manifest["policy"]["name"] == "nano"
    assert "untrained" not in run.manifest["policy"]
    assert run.records[0].extra["kept_tokens"] == [8, 8, 8]  # of three queries
