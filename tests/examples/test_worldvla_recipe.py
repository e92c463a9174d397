"""examples/policies/worldvla.py on a double of WorldVLA's own functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe_doubles import HERE, observe, recipe
from scripted import scripted, smooth_frame

from gridseval.errors import PolicyError
from gridseval.policies.protocol import EnvironmentNeeds
from gridseval.suites import Episode

NAME = "worldvla:WorldVla"

pytest.importorskip("torch")


@pytest.fixture
def folder(tmp_path: Path, upstream: Callable[[str], None]) -> Path:
    upstream("worldvla")
    folder = tmp_path / "model_256" / "libero_object"
    folder.mkdir(parents=True)
    return folder


def begun(folder: Path, **given: str) -> Any:
    policy = recipe(NAME, folder, trusted=True, device="cpu", **given).policy._policy
    policy.reset([0], [Episode("libero_object", 0, 0)])
    return policy


def utils() -> Any:
    from libero_util import Chameleon_utils

    return Chameleon_utils


def expected(query: int, step: int) -> np.ndarray[Any, Any]:
    """Return one action between the smallest and largest of LIBERO's suites."""
    low = np.array([-0.9375, -0.9375, -0.9375, -0.32571429, -0.375, -0.375, -1.0])
    high = np.array([0.9375, 0.9375, 0.9375, 0.375, 0.375, 0.375, 1.0])
    return low + (scripted(query, 5)[step] + 1) * (high - low) / 2


def test_it_hands_out_what_was_generated_step_by_step(folder: Path) -> None:
    policy = begun(folder)
    for step in range(12):
        actions = policy.act(observe(step, number=step)).actions
        assert (actions.shape, actions.dtype) == ((1, 1, 7), np.float32)
        np.testing.assert_allclose(actions[0, 0], expected(step // 5, step % 5), atol=1e-6)
    assert len(utils().ASKED) == 3


def test_a_query_has_the_frame_of_the_step_before_beside_its_own(folder: Path) -> None:
    policy = begun(folder)
    for step in range(6):
        policy.act(observe(step, number=step, task="Push THE plate"))
    first, second = utils().ASKED
    assert first.images == []
    np.testing.assert_array_equal(np.asarray(first.image), smooth_frame(0))
    (before,) = second.images
    np.testing.assert_array_equal(np.asarray(before), smooth_frame(4))
    np.testing.assert_array_equal(np.asarray(second.image), smooth_frame(5))
    assert (second.task, second.kind, second.most) == ("Push THE plate", "2h_1a_img_only", 25)


def test_a_new_episode_knows_nothing_of_the_last(folder: Path) -> None:
    policy = begun(folder)
    for step in range(3):
        policy.act(observe(step))
    policy.reset([0], [Episode("libero_object", 0, 1)])
    actions = policy.act(observe(0)).actions
    assert utils().ASKED[-1].images == []
    np.testing.assert_allclose(actions[0, 0], expected(1, 0), atol=1e-6)


def test_upstreams_parts_are_made_as_its_scripts_do(folder: Path) -> None:
    before = Path.cwd()
    policy = begun(folder)
    assert Path.cwd() == before
    model, processor = policy._model, policy._processor
    assert model.made_with == (str(folder), 8192, False, "torch.bfloat16")
    assert (model.device, model.evaluating) == ("cpu", True)
    below = HERE / "upstream" / "worldvla" / "worldvla"
    assert processor.made_with == (str(below / "ckpts" / "chameleon" / "base_model"), 256)
    assert (processor.made_in / "..").resolve() == below


@pytest.mark.parametrize("wrong", ["nothing", "too short", "an end without a beginning"])
def test_what_is_no_action_ends_the_episode_as_failed(wrong: str, folder: Path) -> None:
    import torch

    answers = {
        "nothing": [],
        "too short": [torch.zeros(6)],
        "an end without a beginning": UnboundLocalError("start_index"),
    }
    policy = begun(folder)
    moved = [policy.act(observe(step)).actions[0, 0] for step in range(5)]
    utils().ANSWERS.append(answers[wrong])
    for step in range(5, 12):
        still = policy.act(observe(step)).actions[0, 0]
        np.testing.assert_allclose(still, [*[0] * 6, moved[-1][6]], atol=1e-6)
    assert len(utils().ASKED) == 2


def test_more_than_seven_numbers_are_cut_to_an_action(folder: Path) -> None:
    import torch

    policy = begun(folder)
    utils().ANSWERS.append([torch.full((9,), 1.0)])
    np.testing.assert_allclose(
        policy.act(observe(0)).actions[0, 0],
        [0.9375, 0.9375, 0.9375, 0.375, 0.375, 0.375, 1.0],
        atol=1e-6,
    )


def test_the_frame_size_is_told_by_the_path_or_asked_for(folder: Path, tmp_path: Path) -> None:
    large = tmp_path / "model_512" / "libero_object"
    large.mkdir(parents=True)
    assert begun(large)._processor.made_with[1] == 512
    with pytest.raises(PolicyError, match="trained on frames of 512 px, not 256") as caught:
        begun(large).act(observe(0))
    assert "leave --protocol out" in (caught.value.hint or "")
    needs = recipe(NAME, large, trusted=True, device="cpu").needs
    assert needs == EnvironmentNeeds(protocol="worldvla-512")
    unnamed = tmp_path / "2561" / "mine"
    unnamed.mkdir(parents=True)
    with pytest.raises(PolicyError, match="does not say whether") as caught:
        begun(unnamed)
    assert "px=256" in (caught.value.hint or "")
    assert begun(unnamed, px="512")._processor.made_with[1] == 512


def test_it_looks_at_every_step_under_openvlas_protocol(folder: Path) -> None:
    loaded = recipe(NAME, folder, trusted=True, device="cpu")
    assert (loaded.replan, loaded.observation_keys) == (1, ("agentview",))
    assert loaded.needs == EnvironmentNeeds(protocol="openvla")
    assert loaded.description["px"] == 256


def test_it_unpickles_only_for_those_who_trust_it(folder: Path) -> None:
    with pytest.raises(PolicyError, match=r"vqgan\.ckpt pickles") as caught:
        recipe(NAME, folder, device="cpu")
    assert "--trust-remote-code" in (caught.value.hint or "")
