"""Checkpoints of GridS's LeRobot fork against its actions (``record_grids_fork.py``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fork_weights import KINDS
from lerobot_environments import HERE, run

from gridseval.policies.lerobot_kind.vision_notes import VisionNotes
from gridseval.tokens import CameraTrace


@pytest.fixture(scope="session")
def fork_told(
    lerobot_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Return what gridseval makes of such checkpoints, beside LeRobot."""
    folder = tmp_path_factory.mktemp("fork")
    said = run([str(HERE / "act_with_fork.py"), str(folder)], lerobot_environment)
    told: dict[str, Any] = json.loads(said.rpartition("told:")[2])
    return told


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_actions_are_the_forks_own(kind: str, fork_told: dict[str, Any]) -> None:
    off = fork_told[kind]["off"]
    assert fork_told[kind]["kept"] == ([4, 4] if kind in ("smolvla", "act") else None)
    # The fork's convention, by the names alone: another one acts otherwise.
    assert off["openpi"] > 1e-3
    if kind == "smolvla" and fork_told["transformers"] >= 5:
        # transformers 5 encodes SmolVLM's images otherwise, which the docs say.
        assert off["None"] > 1e-3
    else:
        assert off["None"] < 2e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("lost", "use_grid_token_sampler: true, grid_token_sampler_num_tokens: 4, and its"),
        ("lost", "hold no sampler"),
        ("act lost", "use_vision_grid_token_prune: true"),
        ("number", "grid_token_sampler_num_tokens: 8, and its parameters hold one of 4 points"),
        ("off", "use_grid_token_sampler: false"),
        ("statistics", "the statistic action.std is missing"),
        ("layer", "its diffusion.rgb_encoder.prune_to_spatial.weight, behind the sampler, is"),
        ("place", "act_changed: weights do not fit LeRobot's model: 1 missing"),
    ],
)
def test_a_part_that_is_lost_is_named(case: str, said: str, fork_told: dict[str, Any]) -> None:
    assert said in fork_told["refused"][case]


def test_acts_traces_are_named_by_their_cameras() -> None:
    notes = VisionNotes(("agentview", "wrist"))
    for call in range(4):
        points = np.full((2, 1), call / 10, np.float32).reshape(1, 2)
        notes.note((CameraTrace("unnamed", (3, 3), points=points),))
    first, second = notes.take(2) or ()
    for trace, places in ((first, (0.0, 0.1)), (second, (0.2, 0.3))):
        assert [camera.camera for camera in trace.cameras] == ["agentview", "wrist"]
        found = [camera.points for camera in trace.cameras]
        assert [float(p[0, 0]) for p in found if p is not None] == pytest.approx(places)
    assert notes.take(1) is None


def test_the_recording_holds_what_the_fork_writes() -> None:
    recorded = np.load(Path(__file__).parent / "grids_fork.npz")
    names = {kind: set(json.loads(str(recorded[f"{kind}/weights"]))) for kind in KINDS}
    assert "model.token_sampler.scout_mlp.0.weight" in names["smolvla"]
    assert "model.vision_token_sampler.scout_mlp.0.weight" in names["act"]
    assert "normalize_inputs.buffer_observation_state.mean" in names["smolvla"]
    config = json.loads(str(recorded["smolvla/config"]))
    assert (config["use_grid_token_sampler"], config["grid_token_sampler_num_tokens"]) == (True, 4)
