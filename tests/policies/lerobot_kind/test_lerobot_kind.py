"""LeRobot's own packages in their own environments: made, saved, loaded, compared, served."""

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
from gridseval.versions import release_of

pytestmark = pytest.mark.slow

COMPARED = (
    *("act", "act_ensemble", "diffusion", "vqbet", "smolvla", "smolvla_three", "smolvla_lora"),
    *("pi0", "pi05", "pi0_fast", "xvla"),
)
WHOLE = ("act", "diffusion", "vqbet", "smolvla", "pi0", "pi05", "pi0_fast", "xvla", "smolvla_lora")


@pytest.mark.parametrize("name", COMPARED)
def test_actions_are_those_of_lerobots_own_evaluation(name: str, told: Any) -> None:
    compared = told["compared"][name]
    assert compared["shape"] == [9, 7]
    assert compared["difference"] <= 1e-5
    # With frames the wrong way up the actions are others: these models do look.
    assert compared["sensitivity"] > 1e-3
    assert compared["protocol"] == "lerobot"
    assert not compared["details"]["use_amp"]
    assert (compared["details"]["adapter_of"] is not None) == (name == "smolvla_lora")


def test_mixed_precision_is_lerobots(told: Any) -> None:
    compared = told["compared"]["smolvla_amp"]
    assert compared["details"]["use_amp"]
    assert any("torch.autocast" in note for note in compared["notes"])
    # Same inputs to the last bit; where sums round otherwise, it is by a unit of bfloat16.
    assert compared["equal"] > 0.75
    assert compared["difference"] < 4e-3
    assert compared["equal_in_float32"] < 0.25


def test_actions_relative_to_the_state_are_asked_for_at_every_step(told: Any) -> None:
    if release_of(told["version"]) < (0, 6):
        assert "pi0_relative" not in told["compared"]  # that LeRobot cannot make one
        return
    compared = told["compared"]["pi0_relative"]
    assert compared["difference"] <= 1e-5
    assert (compared["replan"], compared["actions"]) == (1, "absolute")


def test_older_releases_are_told_the_protocol_of_their_own_evaluation(told: Any) -> None:
    older = release_of(told["version"]) < (0, 6)
    for name, compared in told["compared"].items():
        named = any("--protocol lerobot-0.4" in note for note in compared["notes"])
        assert named == older, name


def test_a_policy_is_asked_as_often_as_it_looks(told: Any) -> None:
    replan = {name: compared["replan"] for name, compared in told["compared"].items()}
    every_step = ("act_ensemble", "diffusion", "vqbet", "pi0_relative")
    assert {name for name, steps in replan.items() if steps == 1} == set(every_step) & set(replan)
    assert {steps for name, steps in replan.items() if name not in every_step} == {4}


def test_only_xvla_takes_goal_poses_and_the_controllers_state(told: Any) -> None:
    absolute = {n for n, c in told["compared"].items() if c["actions"] == "absolute"}
    assert absolute == {"xvla", "pi0_relative"} & set(told["compared"])
    assert told["xvla"]["keys"] == ["agentview", "wrist", "state", "controller_state"]
    assert any("goal poses" in note for note in told["xvla"]["notes"])
    assert told["xvla_plain"] == [["agentview", "wrist", "state"], "delta"]


def test_runs_say_what_each_image_feature_is(told: Any) -> None:
    three = told["compared"]["smolvla_three"]
    assert list(three["cameras"].values()) == ["agentview", "wrist"]
    assert [name.rpartition(".")[2] for name in three["unfilled"]] == ["camera3", "empty_camera_0"]
    assert three["details"]["renamed_from"] == {
        "observation.images.camera1": "observation.images.image",
        "observation.images.camera2": "observation.images.image2",
    }
    assert any("camera1 is agentview (renamed from image)" in note for note in three["notes"])
    assert told["compared"]["pi0"]["unfilled"] == ["observation.images.empty_camera_0"]
    assert told["compared"]["xvla"]["unfilled"] == ["observation.images.image3"]


@pytest.mark.parametrize("name", WHOLE)
def test_a_weight_that_did_not_load_is_refused(name: str, told: Any) -> None:
    said = told["broken"][name]
    # What peft calls it in the model: lora_A.default.weight, of a longer name.
    key = said["key"].removeprefix("base_model.model.").removesuffix(".weight")
    for change in ("removed", "renamed", "reshaped", "added"):
        assert "do not fit" in said[change], change
        assert key in said[change] or change == "added", change
    if name != "smolvla_lora":
        assert "1 missing" in said["removed"]
        assert "1 missing" in said["renamed"]
        assert "1 unexpected" in said["renamed"]
        assert "1 of another shape" in said["reshaped"]
        assert "1 unexpected (model.another.weight)" in said["added"]


@pytest.mark.parametrize("name", ["act", "diffusion", "smolvla", "smolvla_grids", "pi0", "xvla"])
def test_an_episode_does_not_depend_on_its_company(name: str, told: Any) -> None:
    assert told[name]["kind"] == "lerobot"
    assert told[name]["actions"][1] == told[name]["alone"][0]
    assert told[name]["actions"][0] != told[name]["actions"][1]


def test_a_history_is_each_slots_own(told: Any) -> None:
    together, alone = np.array(told["history"]), np.array(told["history_alone"])
    assert np.array_equal(together[:, 1], alone[:, 0])
    assert len({tuple(action) for action in alone[:, 0]}) == 10


def test_smolvla_in_a_batch_is_the_same_to_rounding(told: Any) -> None:
    assert np.allclose(told["batched"], told["smolvla"]["actions"], atol=1e-4)


def test_grids_samples_smolvlas_tokens(told: Any) -> None:
    grids = told["grids"]
    assert grids["file"] == grids["own"]
    assert grids["file"] != told["smolvla"]["actions"]
    for trace in grids["traces"]:
        assert [camera for camera, _, _ in trace] == ["agentview", "wrist"]
        assert [grid for _, grid, _ in trace] == [[8, 8], [8, 8]]
        assert [np.shape(points) for _, _, points in trace] == [(4, 2), (4, 2)]


def test_empty_cameras_are_in_no_trace(told: Any) -> None:
    assert told["grids"]["with_empty"] == [["agentview", "wrist"]] * 2
    assert told["grids"]["openpi"] == [[["agentview", 2], ["wrist", 2]]] * 2
    assert [camera for camera, _ in told["grids"]["dense"]] == ["agentview", "wrist"]


def test_frames_are_resized_only_when_asked(told: Any) -> None:
    resized = told["resized"]
    assert resized["none"] != resized["64"]
    assert any("config says 64×64: --policy-arg resize" in n for n in resized["none_notes"])
    assert not any("resize" in note for note in resized["64_notes"])
    assert resized["whole"] == [1, 1, 7]


def test_frames_are_not_blamed_for_other_failures(told: Any) -> None:
    before, model = told["of_other_reasons"]
    assert before.startswith("ValueError: MIN_MAX normalization mode requires min and max stats")
    assert model == "IndexError: list index out of range"


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("lacking", "1 missing (scout_mlp.0.weight)"),
        ("act", "GridS cannot be put into LeRobot's 'act'"),
        ("twice", "has its own sampler"),
        ("camera", "did you mean 'observation.images.image'"),
        ("unfilled", "no camera for observation.images.image2, and LeRobot's 'act' needs every"),
        ("replan", "replan must be within 1 and the chunk's 8, not 9"),
        ("every step", "'diffusion' is asked at every step here, not every 2"),
        ("batch", "'diffusion' cannot batch"),
        ("truncated", "act_truncated"),
        ("pi0 truncated", "cannot read"),
        ("size", "failed on frames of 96×96 px; its config says 64×64"),
        ("size", "--policy-arg resize=64"),
        ("mode", "its action_mode is 'auto'"),
        ("mode", "--policy-arg environment=libero"),
        ("twice normalised", "does XVLAImageNetNormalizeProcessorStep too"),
        ("peft", "pip install peft"),
        ("offline", "nobody/nothing is neither a path here nor in the hub's cache"),
    ],
)
def test_what_does_not_fit_is_said(case: str, said: str, told: Any) -> None:
    assert said in told["refused"][case]
    assert "\n" not in told["refused"][case]


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


def test_without_lerobot_the_way_to_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"type": "smolvla"}')
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(PolicyError, match="needs the package lerobot") as caught:
        load_policy(None, str(tmp_path), {}, 7)
    assert "gridseval serve" in (caught.value.hint or "")
