"""Evaluate a policy of your own: a class with two methods.

Run it: ``python examples/own_policy.py``, or the class alone:
``gridseval run --suite libero_object --policy examples/own_policy.py:Reach --tasks 0 --trials 1``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridseval import ActionChunk, Episode, RunConfig, evaluate


class Reach:
    """Moves the open gripper towards a place above the table.

    Args:
        height_m: Height of that place.
    """

    observation_keys = ("state",)  # no camera is named, so none is rendered
    replan = 4  # policy steps between two queries

    def __init__(self, height_m: float = 1.1) -> None:
        self._goal = np.array([0.0, 0.0, height_m], np.float32)

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Learn which batch slots start which episodes; this policy remembers nothing."""

    def act(self, observations: Mapping[str, Any]) -> ActionChunk:
        """Return the next four actions of each slot, float32 (B, 4, 7)."""
        position = observations["state"][:, :3]  # of the end effector, in metres
        actions = np.zeros((len(position), 4, 7), np.float32)
        actions[:, :, :3] = np.clip(10 * (self._goal - position), -1, 1)[:, None]
        actions[:, :, 6] = -1  # opens the gripper
        return ActionChunk(actions)


def main(out: Path, max_steps: int = 100) -> None:
    """Run one task and print how often it was solved."""
    config = RunConfig(
        "libero_object",
        out,
        policy=f"{__file__}:Reach",
        policy_arguments={"height_m": "1.2"},
        tasks="0",
        trials=1,
        max_steps=max_steps,
        workers=0,
        video="none",
    )
    summary = evaluate(config)
    print(f"{summary.tally.successes} of {summary.tally.counted} episodes solved")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2] or ["runs/own-policy"]), *map(int, sys.argv[2:]))
