"""Recipes against what the models' own LIBERO evaluations executed (``record_upstream.py``).

Upstream's scripts ran with the answers of ``scripted.py``, and so do the recipes here: what reaches
the environment must be the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe_doubles import HERE, observe, recipe
from scripted import internvla_said, scripted, smooth_frame
from served import scripted_server
from test_internvla_m1_recipe import Server

from gridseval.policies.cards import load_card
from gridseval.suites import Episode, load_protocol, load_suite

RECORDED: dict[str, Any] = json.loads((HERE / "recorded.json").read_text(encoding="utf8"))
TASK = "pick up the Milk and place it in the basket"

torch = pytest.importorskip("torch")


def executed(policy: Any, family: str) -> np.ndarray[Any, Any]:
    """Return what the recipe executes in as many steps as were recorded."""
    steps = len(RECORDED[family]["executed"])
    policy.reset([0], [Episode("libero_object", 0, 0)])
    actions: list[Any] = []
    while len(actions) < steps:
        actions += list(policy.act(observe(len(actions), len(actions), TASK)).actions[0])
    return np.array(actions[:steps])


def check(policy: Any, family: str) -> None:
    told = np.array(RECORDED[family]["executed"])
    np.testing.assert_allclose(executed(policy, family), told, atol=1e-6)


def grey_levels(image: Any, recorded: Any) -> Any:
    """Return by how much every eighth pixel differs from what upstream's TensorFlow made."""
    return np.abs(np.asarray(image)[::8, ::8].astype(int) - np.array(recorded))


def test_nora(upstream: Callable[[str], None]) -> None:
    upstream("nora")
    policy = recipe("nora:Nora", "declare-lab/nora-long", trusted=True).policy._policy
    # Upstream's own numbers, of which the double has only some digits.
    low = [-0.5383928418159485, -0.8758928775787354, -0.9375, -0.06964285671710968]
    high = [0.8464285731315613, 0.84375, 0.9375, 0.08142857253551483, 0.14892856776714325]
    policy._model.libero_keys["libero_object"] = [
        np.array([*low, -0.11678571254014969, -0.15964286029338837, 0.0]),
        np.array([*high, 0.0867857113480568, 1.0]),
    ]
    check(policy, "nora")
    image, task, _ = policy._model.asked[0]
    assert task == RECORDED["nora"]["prompts"][0]
    np.testing.assert_array_equal(image, load_card("nora").image.apply(smooth_frame(0)[None])[0])


def test_worldvla(upstream: Callable[[str], None], tmp_path: Path) -> None:
    upstream("worldvla")
    policy = recipe("worldvla:WorldVla", tmp_path, True, px="256", device="cpu").policy._policy
    check(policy, "worldvla")
    from libero_util.Chameleon_utils import ASKED

    told = RECORDED["worldvla"]
    for query, frames in enumerate(told["frames"]):
        seen = [*ASKED[query].images, ASKED[query].image]
        for image, number in zip(seen, frames, strict=True):
            np.testing.assert_array_equal(np.asarray(image), smooth_frame(number))
    prompt = f"What action should the robot take to {ASKED[1].task}?<|image|><|image|>"
    assert prompt == told["prompts"][1]
    assert ASKED[0].processor.made_with[1] == told["processor_px"]
    assert ASKED[0].most * 12 == told["most_tokens"]


def test_vla_adapter(upstream: Callable[[str], None], tmp_path: Path) -> None:
    upstream("vla_adapter")
    check(recipe("vla_adapter:VlaAdapter", tmp_path).policy._policy, "vla_adapter")


def test_univla(
    upstream: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_univla_recipe import weights

    upstream("univla")
    torch.save(weights(12), tmp_path / "action_decoder.pt")
    policy = recipe("univla:UniVla", tmp_path, trusted=True).policy._policy
    from experiments.robot.robot_utils import ASKED

    answered: list[int] = []

    def decoded(latent: Any, visual: Any) -> Any:
        answered.append(1)
        return scripted(len(answered) - 1, 12).astype(np.float32).astype(np.float64)

    def tokens(low: int, high: int, shape: tuple[int, int]) -> Any:
        first = 32001 + (len(answered) + 1) % 20
        return torch.arange(first, first + 4)[None]

    monkeypatch.setattr(policy, "_decoded", decoded)
    monkeypatch.setattr(torch, "randint", tokens)
    check(policy, "univla")
    told = RECORDED["univla"]
    for query, prompt in enumerate(told["prompts"]):
        history = ASKED[query]["history"] and f" History action {ASKED[query]['history']}"
        task = ASKED[query]["task"].lower()
        assert prompt == f"In: What action should the robot take to {task}?{history}\nOut:"
    assert ASKED[0]["key"] == told["sampling"]["unnorm_key"]
    whole = replace(load_card("univla").image, crop_area=None)
    np.testing.assert_array_equal(ASKED[0]["image"], whole.apply(smooth_frame(0)[None])[0])


def test_internvla_m1(tmp_path: Path) -> None:
    from scripted import INTERNVLA_STATISTICS

    (tmp_path / "dataset_statistics.json").write_text(json.dumps(INTERNVLA_STATISTICS))
    server = Server(lambda query: {"data": {"normalized_actions": internvla_said(query)[None]}})
    with scripted_server(server) as address:
        given = {"statistics": str(tmp_path), "connect_s": "5"}
        check(recipe("internvla_m1:InternVlaM1", address, **given).policy, "internvla_m1")
    ((image,),) = server.asked[0].pop("batch_images")
    assert server.asked[0] == RECORDED["internvla_m1"]["request"]
    np.testing.assert_array_equal(image[::8, ::8], RECORDED["internvla_m1"]["image"])


@pytest.mark.parametrize(
    ("card", "name", "turned"),
    [
        ("nora", "image", False),
        ("univla", "cropped_image", False),
        ("vla_adapter", "image", False),
        ("vla_adapter", "wrist_image", True),
    ],
)
def test_a_cards_image_chain_is_upstreams(card: str, name: str, turned: bool) -> None:
    frame = smooth_frame(0)[:: -1 if turned else 1]
    apart = grey_levels(load_card(card).image.apply(frame[None])[0], RECORDED[card][name])
    assert apart.max() <= 1
    assert apart.mean() < 0.01


@pytest.mark.parametrize("family", sorted(RECORDED))
def test_a_cards_protocol_is_its_evaluations(family: str) -> None:
    told, protocol = RECORDED[family], load_protocol(load_card(family).protocol)
    assert told["env_seeds"] == [protocol.env_seed]
    assert (told["image_px"], told["settle_steps"]) == (protocol.image_px, protocol.settle_steps)
    # LIBERO raises after its horizon of 1,000 steps, the double of its environment does not.
    steps = min(told["policy_steps"], 1000 - told["settle_steps"])
    assert steps == protocol.steps_of(load_suite("libero_object"))
