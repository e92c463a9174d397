"""What a step trains on: images, their changes, orders, held-out episodes."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from gridseval.collecting.lerobot_v3 import write_dataset
from gridseval.collecting.noise import ActionNoise
from gridseval.collecting.recorder import RecordingPolicy
from gridseval.collecting.staging import stage
from gridseval.errors import UsageError
from gridseval.policies import LoadedPolicy
from gridseval.policies.nano.checkpoint import save_nano
from gridseval.policies.nano.model import NanoInput
from gridseval.policies.nano.policy import NanoPolicy
from gridseval.policies.zero import ZeroPolicy
from gridseval.results import EpisodeRecord
from gridseval.suites import Episode
from gridseval.training import image_cache
from gridseval.training.augmentation import augmented
from gridseval.training.averages import rate_at
from gridseval.training.dataset import read_dataset
from gridseval.training.image_cache import cached_images
from gridseval.training.samples import hold_out, join_samples, make_batch, order

CAMERAS = ("agentview", "wrist")
EPISODE = Episode("libero_object", 0, 0)


def test_images_are_those_of_the_dataset(dataset: Path) -> None:
    images = cached_images(read_dataset(dataset, CAMERAS, 4), CAMERAS, 64)
    table = pyarrow.parquet.read_table(dataset / "data/chunk-000/file-000.parquet")
    for number, camera in enumerate(CAMERAS):
        png = table[f"observation.images.{camera}"][17].as_py()["bytes"]
        assert np.array_equal(images[17, number], np.asarray(Image.open(io.BytesIO(png))))


def test_images_are_decoded_once_and_averaged_down(dataset: Path) -> None:
    read = read_dataset(dataset, CAMERAS, 4)
    told: list[tuple[int, int]] = []
    small = cached_images(read, CAMERAS, 32, None, lambda *each: told.append(each))
    assert told[-1] == (72, 72)
    whole = cached_images(read, CAMERAS, 64)
    means = np.asarray(whole[5, 1], float).reshape(32, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(small[5, 1] - means).max() <= 1
    cached_images(read, CAMERAS, 32, None, lambda *_: pytest.fail("decoded again"))


@pytest.mark.parametrize(("observed", "px"), [(256, 32), (250, 32), (100, 64), (32, 32)])
@pytest.mark.parametrize("kept", [True, False])
def test_training_and_evaluation_see_the_same_to_the_bit(
    tmp_path: Path, tiny: Any, observed: int, px: int, kept: bool
) -> None:
    """Whether images are averaged down when they are collected, or when they are trained on."""
    rng = np.random.default_rng(observed)
    frames = rng.integers(0, 256, (2, 1, observed, observed, 3)).astype(np.uint8)
    record_frames(tmp_path / "data", frames, None if kept else px)
    dataset = read_dataset(tmp_path / "data", CAMERAS, tiny.chunk)
    trained_on = cached_images(dataset, CAMERAS, px)
    save_nano(tmp_path / "nano", replace(tiny, image_px=px))
    policy = NanoPolicy(str(tmp_path / "nano"))
    seen: list[NanoInput] = []
    policy.model.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    policy.reset([0], [EPISODE])
    policy.act(observations(frames))
    assert np.array_equal(trained_on[0], seen[0].images[0].numpy())


@pytest.mark.parametrize(("kept", "refused"), [(192, True), (128, True), (64, False), (32, False)])
def test_images_are_not_averaged_twice(tmp_path: Path, tiny: Any, kept: int, refused: bool) -> None:
    """Two averages in a row round twice: training would see what no evaluation shows."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 1, 256, 256, 3)).astype(np.uint8)
    about = {"image_px": 256, "collect": {"image_px": kept}}
    record_frames(tmp_path / "data", frames, kept, about)
    dataset = read_dataset(tmp_path / "data", CAMERAS, tiny.chunk)
    if not refused:
        assert cached_images(dataset, CAMERAS, kept).shape == (1, 2, kept, kept, 3)
        return
    with pytest.raises(UsageError, match=f"averaged down from 256 to {kept} px") as caught:
        cached_images(dataset, CAMERAS, 32)
    assert "--image-px 32" in str(caught.value.hint)
    assert not list((tmp_path / "data").glob("images-*"))


def test_two_trainings_decode_once(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun at once on the same data, one decodes and the other waits; no image is black."""
    decoded: list[str] = []
    decode = image_cache._decoded
    read = read_dataset(dataset, CAMERAS, 4)

    def slow(png: bytes, px: int, where: str) -> bytes:
        time.sleep(0.001)
        decoded.append(where)
        return decode(png, px, where)

    monkeypatch.setattr(image_cache, "_decoded", slow)
    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(cached_images, read, CAMERAS, 32) for _ in range(3)]
        images = [np.array(each.result()) for each in found]
    assert len(decoded) == len(set(decoded)) == 2 * read.frames
    assert all(np.array_equal(images[0], each) for each in images)
    assert (images[0].reshape(2 * read.frames, -1).max(1) > 0).all()


def observations(frames: Any) -> dict[str, Any]:
    """Return what a policy is shown: frames uint8 (cameras, B, px, px, 3)."""
    count = frames.shape[1]
    return {
        "slots": np.arange(count),
        "steps": np.zeros(count, int),
        "state": np.zeros((count, 8), np.float32),
        "instruction": ("turn on the stove",) * count,
        **dict(zip(CAMERAS, frames, strict=True)),
    }


def record_frames(
    root: Path, frames: Any, px: int | None, about: dict[str, Any] | None = None
) -> None:
    """Write a dataset of one frame, as ``gridseval collect --image-px`` does."""
    zero = LoadedPolicy(ZeroPolicy(), "zero", CAMERAS, None, {})
    recording = RecordingPolicy(zero, zero, ActionNoise(0.0, 0.0, 0), 1, px)
    recording.reset([0], [EPISODE])
    recording.act(observations(frames))
    stage(root / "staged", EPISODE, recording.take(EPISODE))
    record = EpisodeRecord(
        suite=EPISODE.suite, task=0, task_name="t", trial=0, instruction="turn on the stove",
        status="success", success=True, steps=1, seed=7,
    )  # fmt: skip
    write_dataset(root, root / "staged", [record], 1, about or {})


def test_a_cache_of_other_data_is_not_used(
    dataset: Path, make_dataset: Callable[..., Path]
) -> None:
    first = cached_images(read_dataset(dataset, CAMERAS, 4), CAMERAS, 32).copy()
    make_dataset(dataset, seed=9)
    second = cached_images(read_dataset(dataset, CAMERAS, 4), CAMERAS, 32)
    assert not np.array_equal(first, second)


def test_every_sample_once_per_epoch() -> None:
    indices = np.arange(100, 110)
    steps = [order(indices, 4, step, (0, 2)) for step in range(5)]
    flat = np.concatenate(steps)
    assert sorted(flat[:10]) == sorted(flat[10:]) == list(indices)
    assert list(flat[:10]) != list(flat[10:])
    assert len(order(indices, 25, 3, (0, 2))) == 25
    assert not np.array_equal(order(indices, 4, 0, (1, 2)), steps[0])


def test_held_out_episodes_are_whole(dataset: Path, tiny: Any) -> None:
    read = read_dataset(dataset, CAMERAS, tiny.chunk)
    samples = join_samples([read, read], [np.zeros((72, 2, 1, 1, 3), np.uint8)] * 2, tiny)
    chosen, held = hold_out(samples, 72, 0.3, 0)
    assert len(chosen) + len(held) == 144
    assert held.max() < 72  # none of the second, which was not given
    assert not set(samples.episodes[chosen]) & set(samples.episodes[held])
    assert len(np.unique(samples.episodes[held])) == 2
    assert len(hold_out(samples, 72, 0.0, 0)[1]) == 0


def test_a_batch_is_its_samples(dataset: Path, tiny: Any) -> None:
    read = read_dataset(dataset, CAMERAS, tiny.chunk)
    images = cached_images(read, CAMERAS, 32)
    samples = join_samples([read, read], [images, images], tiny)
    chosen = np.array([0, 71, 72, 13])
    inputs, labels = make_batch(samples, chosen, "cpu")
    assert np.array_equal(inputs.images[1], images[71])
    assert np.array_equal(inputs.images[2], images[0])
    assert np.array_equal(labels[3], read.labels[13])
    assert np.array_equal(inputs.state[3], read.states[13])
    # Of the two instructions one has seven words, the other four.
    assert inputs.words.shape == (4, 7, 2)
    assert (inputs.words[:, -1, 0] > 0).tolist() == [False, True, False, True]


def test_shifts_and_light() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(100, 140, (5, 2, 16, 16, 3)).astype(np.uint8)
    shifted = augmented(images, np.random.default_rng(1), 2, 0)
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    found = set()
    for row, camera in np.ndindex(5, 2):
        places = [
            (top, left)
            for top, left in np.ndindex(5, 5)
            if np.array_equal(
                shifted[row, camera], padded[row, camera, top : top + 16, left : left + 16]
            )
        ]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) > 4
    lit = augmented(images, np.random.default_rng(1), 0, 0.2)
    change = lit.astype(float) - images
    assert 3 < np.abs(change.mean((1, 2, 3))).max() < 0.3 * 128
    # One light on all images of a sample, another on the next.
    assert np.allclose(change[:, 0].mean((1, 2)), change[:, 1].mean((1, 2)), atol=3)
    assert np.ptp(change.mean((1, 2, 3, 4))) > 3
    assert augmented(images, rng, 0, 0) is images


def test_the_rate_rises_and_falls() -> None:
    rates = [rate_at(share, 1.0, 0.1) for share in np.linspace(0, 1, 101)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[10] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.01)
    assert (np.diff(rates[:11]) > 0).all()
    assert (np.diff(rates[10:]) < 0).all()
