"""For policies that act in one environment at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gridseval.policies.chunk_check import CheckedChunk, check_chunk
from gridseval.policies.protocol import ActionChunk, Observations, Policy

if TYPE_CHECKING:
    from gridseval.suites import Episode


class OneByOne:
    """Asks a policy about each slot of a batch alone.

    Args:
        policy: A policy with ``batches = False``; its chunks may be of any length, of which the
            shortest in a batch counts.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Begin episodes, one call each."""
        for slot, episode in zip(slots, episodes, strict=True):
            self._policy.reset([slot], [episode])

    def act(self, observations: Observations) -> ActionChunk:
        """Return the slots' actions, one call each.

        Raises:
            PolicyError: One of the answers is not what a policy returns.
        """
        answers = [self._alone(observations, i) for i in range(len(observations["slots"]))]
        skipped = tuple(each for answer in answers for each in answer.skipped or (False,))
        steps = min(answer.actions.shape[1] for answer in answers)
        return ActionChunk(
            actions=np.concatenate([answer.actions[:, :steps] for answer in answers]),
            traces=tuple(trace for answer in answers for trace in answer.traces),
            remarks=tuple(remark for answer in answers for remark in answer.remarks or (None,)),
            skipped=skipped if any(answer.skipped for answer in answers) else None,
            failures={i: answer.failures[0] for i, answer in enumerate(answers) if answer.failures},
        )

    def _alone(self, observations: Observations, index: int) -> CheckedChunk:
        one = {key: value[index : index + 1] for key, value in observations.items()}
        return check_chunk(self._policy.act(one), 1)
