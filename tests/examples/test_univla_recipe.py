"""examples/policies/univla.py on a double of UniVLA's own functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from recipe_doubles import observe, recipe
from scripted import smooth_frame

from gridseval.errors import PolicyError
from gridseval.policies.protocol import EnvironmentNeeds
from gridseval.suites import Episode

NAME = "univla:UniVla"

torch = pytest.importorskip("torch")

LOW = np.array([-0.5, -0.6, -0.9, -0.1, -0.2, -0.3])
HIGH = np.array([0.9, 0.8, 0.7, 0.2, 0.3, 0.4])


def weights(window: int, **changed: Any) -> dict[str, Any]:
    """Return a decoder's weights by upstream's names, small and all different."""
    shapes = {
        "latent_action_pool.projection.weight": (512, 4096),
        "latent_action_pool.projection.bias": (512,),
        "visual_pool.projection.weight": (512, 4096),
        "visual_pool.projection.bias": (512,),
        "proj.0.weight": (7 * window, 512),
        "proj.0.bias": (7 * window,),
    }
    draw = torch.Generator().manual_seed(3)
    made = {name: 0.02 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}
    return {**made, **changed}


@pytest.fixture
def folder(tmp_path: Path, upstream: Callable[[str], None]) -> Path:
    upstream("univla")
    torch.save(weights(12), tmp_path / "action_decoder.pt")
    return tmp_path


def begun(folder: Path, trial: int = 0, seed: int = 7, **given: str) -> Any:
    policy = recipe(NAME, folder, trusted=True, seed=seed, **given).policy._policy
    policy.reset([0], [Episode("libero_object", 3, trial)])
    return policy


def asked() -> list[dict[str, Any]]:
    from experiments.robot import robot_utils

    found: list[dict[str, Any]] = robot_utils.ASKED
    return found


@functools.cache
def doubled(window: int) -> dict[str, np.ndarray[Any, Any]]:
    return {name: value.double().numpy() for name, value in weights(window).items()}


@functools.cache
def chunk_of(query: int, window: int) -> np.ndarray[Any, Any]:
    """Return what the decoder makes of the double's hidden states, in float64 and by hand."""
    by = doubled(window)
    latent, visual = (np.full(4096, sign * float(query)) for sign in (1, -1))
    pooled = [
        by[f"{name}.projection.weight"] @ hidden + by[f"{name}.projection.bias"]
        for name, hidden in (("latent_action_pool", latent), ("visual_pool", visual))
    ]
    made: np.ndarray[Any, Any] = np.tanh(by["proj.0.weight"] @ sum(pooled) + by["proj.0.bias"])
    return made.reshape(window, 7)


def expected(step: int, window: int) -> np.ndarray[Any, Any]:
    """Return the mean of the last queries' words on this step, unscaled but for the gripper."""
    ages = range(min(step + 1, window))
    said = [chunk_of(step - age, window)[age] for age in ages]
    mean = np.average(said, axis=0, weights=[np.exp(-0.1 * age) for age in ages])
    motion = LOW + (mean[:6] + 1) * (HIGH - LOW) / 2
    return np.array([*motion, -np.sign(2 * mean[6] - 1)])


@pytest.mark.parametrize("window", [12, 3])
def test_it_executes_the_weighted_mean_of_the_last_queries(window: int, folder: Path) -> None:
    torch.save(weights(window), folder / "action_decoder.pt")
    policy = begun(folder, window=str(window))
    for step in range(16):
        actions = policy.act(observe(step)).actions
        assert (actions.shape, actions.dtype) == ((1, 1, 7), np.float32)
        np.testing.assert_allclose(actions[0, 0], expected(step, window), atol=2e-5)


def test_the_last_latent_action_is_in_the_next_query(folder: Path) -> None:
    policy = begun(folder)
    for step in range(3):
        policy.act(observe(step, task="Pick up THE milk"))
    first, second, third = asked()
    assert first["history"] == ""
    for before, now in ((first, second), (second, third)):
        tokens = [int(token) - 32001 for token in before["tokens"][0]]
        assert now["history"] == "".join(f"<ACT_{token}>" for token in tokens)
    assert (third["task"], third["key"]) == ("Pick up THE milk", "libero_object_no_noops")
    assert third["processor"] == f"processor of {folder}"


def test_the_image_is_224_px_and_not_cropped(folder: Path) -> None:
    begun(folder).act(observe(0, number=3))
    image = asked()[0]["image"]
    assert (image.shape, image.dtype) == ((224, 224, 3), np.uint8)
    plain = np.asarray(Image.fromarray(smooth_frame(3)).resize((224, 224), Image.LANCZOS))
    assert np.abs(image.astype(int) - plain).mean() < 2.5


def test_samples_depend_on_the_episode_and_the_step_alone(folder: Path) -> None:
    def drawn(trial: int, seed: int, steps: tuple[int, ...]) -> list[list[int]]:
        policy = begun(folder, trial, seed)
        del asked()[:]
        for step in steps:
            policy.act(observe(step))
        return [one["tokens"][0].tolist() for one in asked()]

    alone = drawn(0, 7, (0, 1, 2))
    assert alone == drawn(0, 7, (0, 1, 2))
    assert alone[2] == drawn(0, 7, (2,))[0]
    assert alone[0] != alone[1]
    assert alone != drawn(1, 7, (0, 1, 2))
    assert alone != drawn(0, 8, (0, 1, 2))


def test_a_new_episode_begins_without_history(folder: Path) -> None:
    policy = begun(folder)
    for step in range(4):
        policy.act(observe(step))
    policy.reset([0], [Episode("libero_object", 3, 1)])
    del asked()[:]
    actions = policy.act(observe(0)).actions
    assert asked()[0]["history"] == ""
    np.testing.assert_allclose(actions[0, 0], expected(0, 12), atol=2e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"proj.0.bias": None}, "Missing key.*proj.0.bias"),
        ({"proj.1.bias": torch.zeros(84)}, "Unexpected key.*proj.1.bias"),
        ({"proj.0.bias": torch.zeros(35)}, "size mismatch for proj.0.bias"),
    ],
)
def test_a_decoder_whose_weights_do_not_fit_is_refused(
    change: dict[str, Any], said: str, folder: Path
) -> None:
    changed = {name: value for name, value in weights(12, **change).items() if value is not None}
    torch.save(changed, folder / "action_decoder.pt")
    with pytest.raises(PolicyError, match=said) as caught:
        begun(folder)
    assert "\n" not in caught.value.message
    assert "window=STEPS" in (caught.value.hint or "")


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._file,)


def test_a_decoder_that_would_run_code_is_refused(folder: Path) -> None:
    torch.save({**weights(12), "more": Touch(folder / "ran")}, folder / "action_decoder.pt")
    with pytest.raises(PolicyError, match="is not an action decoder"):
        begun(folder)
    assert not (folder / "ran").exists()


def test_the_decoder_is_found_or_named(folder: Path) -> None:
    (folder / "action_decoder.pt").rename(folder / "decoder.pt")
    with pytest.raises(PolicyError, match=r"must hold one action_decoder.*found none") as caught:
        begun(folder)
    assert "decoder=FILE" in (caught.value.hint or "")
    begun(folder, decoder=str(folder / "decoder.pt"))
    for number in range(2):
        torch.save(weights(12), folder / f"action_decoder-{number}.pt")
    with pytest.raises(PolicyError, match=r"found action_decoder-0\.pt, action_decoder-1\.pt"):
        begun(folder)


def test_its_loader_runs_code_only_for_those_who_trust_it(folder: Path) -> None:
    with pytest.raises(PolicyError, match="runs code of") as caught:
        recipe(NAME, folder)
    assert "--trust-remote-code" in (caught.value.hint or "")


def test_it_is_asked_at_every_step_under_its_protocol(folder: Path) -> None:
    loaded = recipe(NAME, folder, trusted=True)
    assert (loaded.replan, loaded.observation_keys) == (1, ("agentview",))
    assert loaded.needs == EnvironmentNeeds(protocol="univla")
    assert loaded.description["window"] == 12
