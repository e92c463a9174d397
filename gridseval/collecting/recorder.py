"""A policy that acts as another one does, and remembers what it saw, did and should have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.collecting.noise import ActionNoise
from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, CheckedChunk, LoadedPolicy, check_chunk
from gridseval.policies.images import averaged
from gridseval.policies.protocol import Observations
from gridseval.suites import Episode

IMAGES = ("agentview", "wrist")


@dataclass(frozen=True, eq=False)
class Sample:
    """One query.

    Attributes:
        step: Policy steps taken before it.
        agentview, wrist: uint8 (px, px, 3), averaged down from what was observed.
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
        replan: Policy steps between queries: shorter chunks would shift all later frames.
        px: Side of the images to keep, or ``None`` for what is observed.
    """

    def __init__(
        self,
        acting: LoadedPolicy,
        labelling: LoadedPolicy,
        noise: ActionNoise,
        replan: int,
        px: int | None = None,
    ) -> None:
        self._acting, self._labelling, self._noise = acting, labelling, noise
        self._replan, self._px = replan, px
        self._lengths: set[int] = set()
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
        self._acting.policy.reset(slots, episodes)
        if self._labelling is not self._acting:
            self._labelling.policy.reset(slots, episodes)

    def act(self, observations: Observations) -> ActionChunk:
        """See ``Policy``.

        Raises:
            PolicyError: A chunk is shorter than the steps between queries, or labels are not all
                of one length.
        """
        # Before anything is asked: a policy may work on its observations in place.
        seen = [self._seen(observations, row) for row in range(len(observations["slots"]))]
        chunk = label = self._asked(self._acting, observations)
        length = chunk.actions.shape[1]
        if length < self._replan:
            raise PolicyError(
                f"policy {self._acting.name!r} returned chunks of {length} actions, and a frame is "
                f"wanted every {self._replan}",
                f"--replan {length} or fewer",
            )
        if self._labelling is not self._acting:
            label = self._asked(self._labelling, observations)
        self._check_length(label.actions.shape[1])
        failures = {**label.failures, **chunk.failures}
        actions = chunk.actions.copy()
        for row, (slot, step) in enumerate(
            zip(observations["slots"], observations["steps"], strict=True)
        ):
            if row in failures:
                continue
            episode = self._episodes[int(slot)]
            actions[row] = self._noise.disturbed(actions[row], episode, int(step))
            self._samples[episode].append(
                Sample(
                    step=int(step),
                    executed=actions[row].copy(),
                    label=label.actions[row].copy(),
                    **seen[row],
                )
            )
        return ActionChunk(
            actions,
            chunk.traces,
            failures,
            remarks=chunk.remarks or None,
            skipped=chunk.skipped or None,
        )

    def take(self, episode: Episode) -> list[Sample]:
        """Return an episode's samples in order, and forget them."""
        return self._samples.pop(episode, [])

    def _asked(self, loaded: LoadedPolicy, observations: Observations) -> CheckedChunk:
        try:
            return check_chunk(loaded.policy.act(observations), len(observations["slots"]))
        except PolicyError as error:
            raise PolicyError(f"policy {loaded.name!r}: {error.message}", error.hint) from error

    def _check_length(self, length: int) -> None:
        self._lengths.add(length)
        if len(self._lengths) > 1:
            shown = " and ".join(map(str, sorted(self._lengths)))
            raise PolicyError(
                f"policy {self._labelling.name!r} returned chunks of {shown} actions: the labels "
                "of a dataset have one length"
            )

    def _seen(self, observations: Observations, row: int) -> Mapping[str, Any]:
        copies = {key: observations[key][row].copy() for key in (*IMAGES, "state")}
        if self._px is not None:
            copies |= {key: averaged(copies[key], self._px) for key in IMAGES}
        return copies
