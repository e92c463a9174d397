"""Small models and made-up observations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gridseval.policies.nano import NanoConfig, PrunerChoice
from gridseval.suites import Episode

INSTRUCTIONS = (
    "pick up the black bowl next to the plate and place it on the plate",
    "open the middle drawer of the cabinet",
    "turn on the stove",
)


@pytest.fixture(scope="session")
def small() -> Callable[..., NanoConfig]:
    """Return a function from a pruner to a model with 2 x 16 visual tokens."""

    def make(pruner: str = "dense", /, **arguments: Any) -> NanoConfig:
        return NanoConfig(
            image_px=32,
            patch_px=4,
            stem_width=16,
            encoder_layers=2,
            encoder_width=24,
            layers=6,
            width=32,
            heads=4,
            kv_heads=2,
            mlp=48,
            words=16,
            buckets=32,
            chunk=3,
            pruner=PrunerChoice(pruner, arguments),
        )

    return make


@pytest.fixture(scope="session")
def observe() -> Callable[..., dict[str, Any]]:
    """Return a function from episodes and a query's number to what policies are shown."""

    def make(slots: dict[int, Episode], query: int = 0) -> dict[str, Any]:
        rows = [
            np.random.default_rng([episode.task, episode.trial, query])
            for episode in slots.values()
        ]
        views = [rng.integers(0, 256, (2, 16, 16, 3), np.uint8) for rng in rows]
        frames = np.stack(views).repeat(16, 2).repeat(16, 3)
        return {
            "slots": np.array(list(slots)),
            "steps": np.full(len(slots), 8 * query),
            "agentview": frames[:, 0],
            "wrist": frames[:, 1],
            "state": np.stack([rng.normal(size=8) for rng in rows]).astype(np.float32),
            "instruction": tuple(INSTRUCTIONS[episode.task % 3] for episode in slots.values()),
        }

    return make
