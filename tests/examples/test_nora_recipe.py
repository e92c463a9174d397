"""examples/policies/nora.py on a double of NORA's own class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from recipe_doubles import observe, recipe
from scripted import scripted, smooth_frame

from gridseval.errors import PolicyError
from gridseval.policies.protocol import EnvironmentNeeds
from gridseval.suites import Episode

NAME = "nora:Nora"


def begun(suite: str = "libero_object", **given: str) -> Any:
    policy = recipe(NAME, "declare-lab/nora-long", trusted=True, **given).policy._policy
    policy.reset([0], [Episode(suite, 3, 1)])
    return policy


def expected(query: int, steps: int = 5) -> np.ndarray[Any, Any]:
    """Return what NORA's evaluation executes: unscaled, the gripper −1 above a half and else 1."""
    said = scripted(query, steps)
    low = np.array([-0.5, -0.875, -0.9375, -0.07, -0.117, -0.16])
    high = np.array([0.846, 0.84375, 0.9375, 0.081, 0.149, 0.087])
    motion = low + (said[:, :6] + 1) * (high - low) / 2
    gripper = np.where(said[:, 6] > 0, -1, 1)
    return np.column_stack([motion, gripper])


def test_it_executes_whole_chunks_unscaled_with_the_gripper_turned(
    upstream: Callable[[str], None],
) -> None:
    upstream("nora")
    policy = begun()
    for query in range(4):
        actions = policy.act(observe(5 * query)).actions
        assert actions.dtype == np.float32
        np.testing.assert_allclose(actions, expected(query)[None], atol=1e-6)
    assert {1.0, -1.0} == set(expected(0)[:, 6])


def test_it_asks_with_the_frame_at_224_px_the_instruction_and_the_suites_key(
    upstream: Callable[[str], None],
) -> None:
    upstream("nora")
    policy = begun("libero_plus_object")
    policy.act(observe(0, number=3, task="Pick up THE milk"))
    ((image, task, key),) = policy._model.asked
    assert (task, key) == ("Pick up THE milk", "libero_object")
    assert (image.shape, image.dtype) == ((224, 224, 3), np.uint8)
    # The whole frame, upright as gridseval observes it, up to JPEG and the resampling's edges.
    plain = np.asarray(Image.fromarray(smooth_frame(3)).resize((224, 224), Image.LANCZOS))
    assert np.abs(image.astype(int) - plain).mean() < 2.5


def test_upstream_makes_the_model_and_knows_the_chunk(upstream: Callable[[str], None]) -> None:
    upstream("nora")
    policy = begun(device="cuda:1")
    assert policy._model.made_with == ("declare-lab/nora-long", "cuda:1")
    assert policy._model.fast_tokenizer.time_horizon == 5
    assert begun(chunk="1").act(observe(0)).actions.shape == (1, 1, 7)


def test_the_key_can_be_chosen_and_none_is_guessed(upstream: Callable[[str], None]) -> None:
    upstream("nora")
    policy = begun(unnorm_key="libero_object_min")
    policy.act(observe(0))
    assert policy._model.asked[0][2] == "libero_object_min"
    with pytest.raises(PolicyError, match="no statistics of libero_goal"):
        begun("libero_goal")
    with pytest.raises(PolicyError, match="no statistics of libero_objekt"):
        begun(unnorm_key="libero_objekt")


def test_a_run_records_the_card_and_needs_its_protocol(
    upstream: Callable[[str], None],
) -> None:
    upstream("nora")
    loaded = recipe(NAME, "declare-lab/nora-long", trusted=True)
    assert loaded.observation_keys == ("agentview",)
    assert loaded.replan is None
    assert loaded.needs == EnvironmentNeeds(protocol="nora")
    assert loaded.description["card"]["name"] == "nora"
    assert loaded.description["source_sha256"]


def test_its_loader_runs_code_only_for_those_who_trust_it(upstream: Callable[[str], None]) -> None:
    upstream("nora")
    with pytest.raises(PolicyError, match="FAST tokenizer's code") as caught:
        recipe(NAME, "declare-lab/nora-long")
    assert "--trust-remote-code" in (caught.value.hint or "")


def test_without_upstreams_code_the_way_to_it_is_named() -> None:
    with pytest.raises(PolicyError, match="cannot import nora_utils") as caught:
        recipe(NAME, "declare-lab/nora-long", trusted=True)
    assert "nora/experiments/libero on PYTHONPATH" in (caught.value.hint or "")
