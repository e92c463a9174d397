"""examples/policies/vla_adapter.py on a double of VLA-Adapter's own functions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from recipe_doubles import observe, recipe
from scripted import scripted, smooth_frame

from gridseval.errors import PolicyError
from gridseval.policies.protocol import EnvironmentNeeds
from gridseval.suites import Episode

NAME = "vla_adapter:VlaAdapter"


@pytest.fixture(autouse=True)
def double(upstream: Callable[[str], None]) -> None:
    upstream("vla_adapter")


def begun(folder: Path, suite: str = "libero_object", **given: str) -> Any:
    policy = recipe(NAME, folder, **given).policy._policy
    policy.reset([0], [Episode(suite, 3, 1)])
    return policy


def asked() -> list[dict[str, Any]]:
    from experiments.robot import robot_utils

    found: list[dict[str, Any]] = robot_utils.ASKED
    return found


def test_it_executes_eight_steps_with_the_gripper_inverted(tmp_path: Path) -> None:
    policy = begun(tmp_path)
    assert policy.replan == 8
    for query in range(3):
        said = (scripted(query, 8) + 1) / 2
        actions = policy.act(observe(8 * query)).actions
        np.testing.assert_allclose(actions[0, :, :6], said[:, :6], atol=1e-6)
        np.testing.assert_array_equal(actions[0, :, 6], -np.sign(2 * said[:, 6] - 1))


def test_upstreams_functions_get_frames_state_task_and_parts(tmp_path: Path) -> None:
    policy = begun(tmp_path)
    seen = observe(0, number=2, task="Pick up THE milk")
    policy.act(seen)
    (got,) = asked()

    def resized(frame: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(Image.fromarray(frame).resize((224, 224), Image.NEAREST))

    np.testing.assert_array_equal(got["full_image"], resized(smooth_frame(2)))
    np.testing.assert_array_equal(got["wrist_image"], resized(smooth_frame(2)[::-1]))
    assert got["state"].dtype == np.float64
    np.testing.assert_array_equal(got["state"], seen["state"][0].astype(np.float64))
    assert (got["task"], got["key"]) == ("Pick up THE milk", "libero_object_no_noops")
    head, projector = ("head", 896, True), ("projector", 896, 8)
    assert got["parts"] == (f"processor of {tmp_path}", head, projector, None)
    assert (got["film"], got["minivlm"]) == (False, True)
    assert (got["cfg"].center_crop, got["cfg"].use_proprio) == (True, True)
    assert (got["model"].version, got["model"].made_for) == ("vla-adapter", str(tmp_path))


def test_what_upstream_writes_into_its_observation_stays_there(tmp_path: Path) -> None:
    policy = begun(tmp_path)
    seen = observe(0, number=2)
    before = seen["state"].copy()
    policy.act(seen)
    np.testing.assert_array_equal(seen["state"], before)


def test_the_head_that_is_not_pros_can_be_asked_for(tmp_path: Path) -> None:
    policy = begun(tmp_path, pro="false")
    assert policy._head == ("head", 896, False)


def test_a_suite_without_statistics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no statistics of libero_goal"):
        begun(tmp_path, "libero_goal")


def test_a_command_line_that_upstream_takes_for_another_robots_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["gridseval", "serve", "--ckpt", "/runs/calvin_abc"])
    with pytest.raises(PolicyError, match="takes this command line for CALVIN's"):
        begun(tmp_path)


def test_it_says_what_upstreams_loader_does_and_needs(tmp_path: Path) -> None:
    loaded = recipe(NAME, tmp_path)
    assert any(f"auto_map into {tmp_path}" in note for note in loaded.notes)
    assert loaded.observation_keys == ("agentview", "wrist", "state")
    assert loaded.needs == EnvironmentNeeds(protocol="openvla")
    assert loaded.replan == 8
