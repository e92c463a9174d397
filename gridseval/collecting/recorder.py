"""A policy that acts as another one does, and remembers what it saw, did and should have done."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.collecting.noise import ActionNoise
from gridseval.policies import ActionChunk, LoadedPolicy, check_chunk
from gridseval.policies.protocol import Observations
from gridseval.suites import Episode

IMAGES = ("agentview", "wrist")


@dataclass(frozen=True, eq=False)
class Sample:
    """One query.

    Attributes:
        step: Policy steps taken before it.
        agentview, wrist: uint8 (px, px, 3), as observed.
        state: float32 (8,).
        executed: float32 (H, 7), what was sent, of which the run executes the first.
        label: float32 (L, 7), what the labelling policy chose.
    """

    step: int
    agentview: NDArray[np.uint8]
    wrist: NDArray[np.uint8]
    state: NDArray[np.float32]
    executed: NDArray[np.float32]
    label: NDArray[np.float32]


class RecordingPolicy:
    """Acts with one policy, labels with another, and keeps samples until an episode is taken.

    Args:
        acting: Who acts.
        labelling: Who labels; the same object where one does both.
        noise: What disturbs executed actions.
    """

    def __init__(self, acting: LoadedPolicy, labelling: LoadedPolicy, noise: ActionNoise) -> None:
        self._acting, self._labelling, self._noise = acting, labelling, noise
        self._episodes: dict[int, Episode] = {}
        self._samples: dict[Episode, list[Sample]] = {}

    @property
    def observation_keys(self) -> tuple[str, ...]:
        """What it looks at: what both do, the images and the state."""
        wanted = (*IMAGES, "state", *self._acting.observation_keys)
        return tuple(dict.fromkeys((*wanted, *self._labelling.observation_keys)))

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """See ``Policy``; samples of an earlier attempt at an episode are dropped."""
        for slot, episode in zip(slots, episodes, strict=True):
            self._episodes[int(slot)] = episode
            self._samples[episode] = []
        for loaded in self._loaded():
            loaded.policy.reset(slots, episodes)

    def act(self, observations: Observations) -> ActionChunk:
        """See ``Policy``."""
        count = len(observations["slots"])
        chunk = self._acting.policy.act(observations)
        actions = np.array(check_chunk(chunk, count).actions)
        labels = actions.copy()
        if self._labelling is not self._acting:
            labels = np.array(check_chunk(self._labelling.policy.act(observations), count).actions)
        for row, (slot, step) in enumerate(
            zip(observations["slots"], observations["steps"], strict=True)
        ):
            if row in chunk.failures:
                continue
            episode = self._episodes[int(slot)]
            actions[row] = self._noise.disturbed(actions[row], episode, int(step))
            self._samples[episode].append(
                _sample(observations, row, int(step), actions[row], labels[row])
            )
        return dataclasses.replace(chunk, actions=actions)

    def take(self, episode: Episode) -> list[Sample]:
        """Return an episode's samples in order, and forget them."""
        return self._samples.pop(episode, [])

    def _loaded(self) -> tuple[LoadedPolicy, ...]:
        same = self._labelling is self._acting
        return (self._acting,) if same else (self._acting, self._labelling)


def _sample(
    observations: Observations,
    row: int,
    step: int,
    executed: NDArray[np.float32],
    label: NDArray[np.float32],
) -> Sample:
    # Copies: batches may lie in memory that later ones overwrite.
    seen: dict[str, Any] = {key: observations[key][row].copy() for key in (*IMAGES, "state")}
    return Sample(step=step, executed=executed.copy(), label=label.copy(), **seen)
