"""SP-VLA's choice against plain numpy and OpenCV's edges."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from pruner_doubles import (
    CAMERAS,
    DENSE,
    assert_consistent,
    assert_unchanged,
    kept_of,
    plain,
    some_inputs,
)

from gridseval.errors import PolicyError
from gridseval.tokens.pruners import Host, build_pruner
from gridseval.tokens.pruners.edges import canny
from gridseval.tokens.pruners.sp_vla import SpVla, until

ENDS = (20, 32)


def frames(batch: int) -> Any:
    """Return pixels, uint8 (batch, 2, 60, 120, 3): dark, with a bright box in each."""
    rng = np.random.default_rng(1)
    made = rng.integers(40, 60, (batch, 2, 60, 120, 3), np.uint8)
    for row in range(batch):
        for camera in range(2):
            y, x = rng.integers(5, 30), rng.integers(5, 60)
            made[row, camera, y : y + 17, x : x + 35] = 230
    return made


def inputs_of(batch: int = 2, slots: Any = None) -> Any:
    rng = np.random.default_rng(2)
    attention = rng.random((batch, DENSE)) ** 4
    for start, end in zip((0, *ENDS), ENDS, strict=False):
        attention[:, start:end] /= attention[:, start:end].sum(1, keepdims=True)
    return some_inputs(
        batch=batch,
        pixels=torch.tensor(frames(batch)).float(),
        encoder_attention=torch.tensor(attention).float(),
        slots=range(batch) if slots is None else slots,
    )


def moved(pruner: SpVla, slot: int, speed: float) -> None:
    """Tell a pruner of an executed action."""
    pruner.rule.execute(slot, np.array([[0, 0, -speed, 0, 0, 0, 1]], np.float32))


def reference(inputs: Any, row: int, theta: float) -> list[int]:
    """Return the kept tokens of a row."""
    kept: set[int] = set()
    scores = plain(inputs.encoder_attention)[row]
    start = 0
    for number, camera in enumerate(CAMERAS):
        count = camera.count
        image = inputs.pixels[row, number].numpy().astype(np.uint8)
        edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 100, 200) > 0
        high, wide = 60 // camera.rows, 120 // camera.columns
        for cell in range(count):
            top, left = cell // camera.columns * high, cell % camera.columns * wide
            if edges[top : top + high, left : left + wide].any():
                kept.add(start + cell)
        total = 0.0
        order = sorted(range(count), key=lambda j: -scores[start + j])
        for place, j in enumerate(order):
            kept.add(start + j)
            total += scores[start + j]
            if total >= theta and theta < 1:
                if place + 1 < count:
                    kept.add(start + order[place + 1])
                break
        start += count
    return sorted(kept)


@pytest.mark.parametrize(
    ("speed", "theta"), [(None, 1), (0.49, 1), (0.5, 1), (0.75, 0.55), (1.0, 0.1), (1.7, 0.1)]
)
def test_attention_and_edges_by_speed(speed: float | None, theta: float) -> None:
    inputs, pruner = inputs_of(), SpVla()
    for slot in range(2):
        if speed is not None:
            moved(pruner, slot, speed)
    assert pruner.share(pruner.rule.speed(0)) == pytest.approx(theta)
    pruned = pruner(inputs)
    for row in range(2):
        assert kept_of(pruned, row) == reference(inputs, row, theta)
    assert (min(pruned.counts) < DENSE) == (theta < 1)
    assert_consistent(pruned, inputs)
    assert_unchanged(pruned, inputs)


@pytest.mark.parametrize("stretch", [lambda x: x / 255, lambda x: x / 127.5 - 1])
def test_pixels_of_other_ranges_have_the_same_edges(stretch: Any) -> None:
    inputs, pruner = inputs_of(), SpVla()
    moved(pruner, 0, 1.0)
    other = dataclasses.replace(inputs, pixels=stretch(inputs.pixels))
    assert pruner(other).indices.tolist() == pruner(inputs).indices.tolist()


def test_slots_have_speeds_of_their_episodes() -> None:
    inputs, pruner = inputs_of(slots=(4, 9)), SpVla()
    moved(pruner, 4, 1.0)
    pruned = pruner(inputs)
    assert kept_of(pruned, 0) == reference(inputs, 0, 0.1)
    assert pruned.counts[1] == DENSE
    pruner.skipping.reset([4])
    assert pruner(inputs).counts.tolist() == [DENSE, DENSE]


def test_similarity_stands_for_attention_where_there_is_none() -> None:
    inputs, pruner = inputs_of(), SpVla(scores="similarity")
    for slot in range(2):
        moved(pruner, slot, 1.0)
    pruned = pruner(dataclasses.replace(inputs, encoder_attention=None))
    features = plain(inputs.tokens[0, :20])
    logits = features @ features.T / 4
    weights = np.exp(logits - logits.max(1, keepdims=True))
    expected = (weights / weights.sum(1, keepdims=True)).mean(0)
    assert np.allclose(plain(pruned.scores[0, :20]), expected, atol=1e-6)


def test_until_the_share_and_one_more() -> None:
    scores = torch.tensor([0.1, 0.4, 0.2, 0.3])
    assert until(scores, 0.4).tolist() == [False, True, False, True]
    assert until(scores, 0.5).tolist() == [False, True, True, True]
    assert until(scores, 0.95).all()
    assert until(scores, 1.0).all()


@pytest.mark.parametrize("blur", range(6))
def test_edges_are_opencvs(blur: int) -> None:
    image = np.random.default_rng(blur).integers(0, 256, (90, 110, 3), np.uint8)
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
        image = np.clip((image.astype(float) - 128) * 3 * blur + 128, 0, 255).astype(np.uint8)
    expected = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 100, 200) > 0
    assert 0.005 < expected.mean() < 0.6
    assert np.array_equal(canny(image, 100, 200), expected)


def test_scores_follow_the_encoder() -> None:
    small = Host(dim=16, layers=8, cameras=CAMERAS, encoder_dim=16)
    assert not build_pruner("sp_vla", small).by_attention
    attending = dataclasses.replace(small, encoder_attends=True)
    assert build_pruner("sp_vla", attending).by_attention
    with pytest.raises(PolicyError, match="needs the attention within the vision encoder") as said:
        build_pruner("sp_vla", small, scores="attention")
    assert "scores=similarity" in str(said.value.hint)
    with pytest.raises(PolicyError, match="works on the vision encoder's features"):
        build_pruner("sp_vla", dataclasses.replace(attending, encoder_dim=0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder_attention": None}, "needs the encoder's attention onto each of the 32"),
        ({"encoder_attention": torch.zeros(2, 30)}, "needs the encoder's attention"),
        ({"pixels": torch.full((2, 2, 60, 120, 3), 256.0)}, "need pixels from 0 to 255"),
        ({"pixels": torch.full((2, 2, 60, 120, 3), -2.0)}, "need pixels from 0 to 255"),
        ({"pixels": torch.full((2, 2, 61, 120, 3), 9.0)}, "cannot be cut into the 4 x 5 patches"),
        ({"slots": None}, "keeps a history"),
    ],
)
def test_faults(change: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        SpVla()(dataclasses.replace(inputs_of(), **change))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scores": "attentions"}, "scores must be attention or similarity"),
        ({"step_skip": 7}, "step_skip must be at most 6"),
        ({"generated": 0}, "generated must be a whole number from 1"),
        ({"z_thre": 1}, "z_thre must be less than 1"),
        ({"z_min": 1.2}, "z_min must be from 0 to 1"),
        ({"reuse": 1}, "reuse must be true or false"),
    ],
)
def test_arguments_out_of_range(arguments: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        SpVla(**arguments)
