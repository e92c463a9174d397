"""LeRobot's own packages in their own environment: made, saved, loaded, served, evaluated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from served import run_a_task

from gridseval.errors import PolicyError
from gridseval.policies import load_policy
from gridseval.results.run.reading import read_run

pytestmark = pytest.mark.slow


def test_act_acts_as_in_lerobots_own_loop(told: Any) -> None:
    act = told["act"]
    assert act["kind"] == "lerobot"
    assert act["keys"] == ["agentview", "wrist", "state"]
    assert act["replan"] == 4
    assert np.shape(act["actions"]) == (2, 8, 7)
    assert act["actions"][0][0] == pytest.approx(told["by_lerobot"], abs=1e-5)
    assert any('type "act"' in note for note in act["notes"])


@pytest.mark.parametrize("name", ["act", "diffusion", "smolvla", "smolvla_grids"])
def test_an_episode_does_not_depend_on_its_company(name: str, told: Any) -> None:
    assert told[name]["actions"][1] == told[name]["alone"][0]
    assert told[name]["actions"][0] != told[name]["actions"][1]


def test_a_history_is_each_slots_own(told: Any) -> None:
    assert told["diffusion"]["replan"] == 1
    together, alone = np.array(told["history"]), np.array(told["history_alone"])
    assert np.array_equal(together[:, 1], alone[:, 0])
    assert len({tuple(action) for action in alone[:, 0]}) == 10


def test_smolvla_in_a_batch_is_the_same_to_rounding(told: Any) -> None:
    assert np.allclose(told["batched"], told["smolvla"]["actions"], atol=1e-4)


def test_grids_samples_smolvlas_tokens(told: Any) -> None:
    assert told["grids_file"] == told["smolvla_grids"]["actions"]
    assert told["grids_file"] != told["smolvla"]["actions"]
    for trace in told["traces"]:
        assert [camera for camera, _, _ in trace] == ["agentview", "wrist"]
        for _, grid, points in trace:
            assert grid == [8, 8]
            assert np.shape(points) == (4, 2)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("lacking", "1 missing (scout_mlp.0.weight)"),
        ("act", "GridS cannot be put into LeRobot's 'act'"),
        ("twice", "has a sampler of its own"),
        ("camera", "did you mean 'observation.images.image'"),
        ("replan", "replan must be within 1 and the chunk's 8, not 9"),
        ("batch", "'diffusion' cannot batch"),
        ("truncated", "act_truncated"),
    ],
)
def test_what_does_not_fit_is_said(case: str, said: str, told: Any) -> None:
    assert said in told["refused"][case]


@pytest.mark.parametrize(("name", "kept"), [("act", None), ("smolvla_grids", [8, 8, 8])])
def test_it_is_served_from_its_environment_and_evaluated_here(
    name: str,
    kept: list[int] | None,
    lerobot_environment: dict[str, str],
    checkpoints: Path,
    tmp_path: Path,
    assets: Path,
) -> None:
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gridseval", "serve", "--port", "0"),
            *("--ckpt", str(checkpoints / name)),
        ],
        env=lerobot_environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        address = next(line.split()[-1] for line in server.stderr if " on ws://" in line)
        run_a_task(tmp_path, assets, address)
    finally:
        server.kill()
        server.communicate()
    (record,) = read_run(tmp_path / "run").records
    assert (record.status, record.steps, record.queries) == ("failure", 12, 3)
    assert record.extra.get("kept_tokens") == kept
    policy = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["policy"]
    served = policy["server"]["gridseval"]["description"]
    assert served["kind"] == "lerobot"
    assert len(served["sha256"]) == 64
    assert served["seed"] == 7


def test_without_lerobot_the_way_to_it_is_named() -> None:
    with pytest.raises(PolicyError, match="needs the package lerobot") as caught:
        load_policy("lerobot", "lerobot/smolvla_base", {}, 7)
    assert "gridseval serve" in (caught.value.hint or "")
