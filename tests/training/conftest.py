"""A small model, and datasets that are made and not simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.collecting.lerobot_v3 import write_dataset
from gridseval.collecting.recorder import Sample
from gridseval.collecting.staging import stage
from gridseval.policies.nano import NanoConfig
from gridseval.results import EpisodeRecord
from gridseval.suites import Episode
from gridseval.training import TrainConfig

TEXTS = ("turn on the stove", "open the middle drawer of the cabinet")


@pytest.fixture(scope="session")
def tiny() -> NanoConfig:
    """Return a model with 2 x 16 visual tokens that makes a step in milliseconds."""
    return NanoConfig(
        image_px=32,
        patch_px=4,
        stem_width=8,
        encoder_layers=1,
        encoder_width=16,
        layers=2,
        width=32,
        heads=2,
        kv_heads=1,
        mlp=32,
        words=16,
        buckets=32,
        chunk=4,
    )


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Path]:
    """Return a function that writes a dataset whose labels follow from images and states."""

    def make(
        root: Path,
        episodes: int = 6,
        frames: int = 12,
        px: int = 64,
        seed: int = 0,
        about: Mapping[str, Any] | None = None,
        suite: str = "libero_object",
    ) -> Path:
        records = []
        for trial in range(episodes):
            rng = np.random.default_rng([seed, trial])
            episode = Episode(suite, trial % 2, trial)
            stage(root / "staged", episode, [_sample(rng, n, px) for n in range(frames)])
            records.append(
                EpisodeRecord(
                    suite=episode.suite,
                    task=episode.task,
                    task_name=f"task {episode.task}",
                    trial=trial,
                    instruction=TEXTS[episode.task],
                    status="success",
                    success=True,
                    steps=4 * frames,
                    seed=7,
                )
            )
        usual = {"env_seed": 100, "assets": {"hash": "abc"}}
        write_dataset(root, root / "staged", records, 4, usual if about is None else about)
        return root

    return make


@pytest.fixture
def dataset(tmp_path: Path, make_dataset: Callable[..., Path]) -> Path:
    return make_dataset(tmp_path / "data")


@pytest.fixture
def configure(tmp_path: Path, dataset: Path, tiny: NanoConfig) -> Callable[..., TrainConfig]:
    """Return a function that makes the arguments of a short training."""

    def make(**changes: Any) -> TrainConfig:
        values: dict[str, Any] = {
            "datasets": (dataset,),
            "out": tmp_path / "out",
            "shape": tiny,
            "steps": 12,
            "batch": 8,
            "device": "cpu",
            "validate_every": 5,
        }
        return TrainConfig(**{**values, **changes})

    return make


def _sample(rng: np.random.Generator, number: int, px: int) -> Sample:
    level = rng.integers(40, 216)
    images = rng.integers(0, 20, (2, px, px, 3)) + level
    state = rng.normal(size=8).astype(np.float32) * 0.1 + 0.5
    label = np.full((8, 7), (level - 128) / 128, np.float32)
    label[:, 0] = 5 * (state[0] - 0.5)
    agentview, wrist = images.astype(np.uint8)
    return Sample(4 * number, agentview, wrist, state, label, label)
