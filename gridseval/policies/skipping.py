"""Policies that answer some queries without their model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gridseval.policies.chunk_check import CheckedChunk, check_chunk
from gridseval.policies.protocol import ActionChunk, Observations, Policy
from gridseval.tokens import TokenTrace
from gridseval.tokens.skipping import Actions, Skipping

if TYPE_CHECKING:
    from gridseval.suites import Episode


class SkippingPolicy:
    """Asks a policy about those slots of a batch that need its model.

    Args:
        policy: Answers for any batch of slots.
        skipping: Decides, and answers for the others.
    """

    def __init__(self, policy: Policy, skipping: Skipping) -> None:
        self._policy, self._skipping = policy, skipping
        self._last: dict[int, tuple[int, Actions]] = {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Begin episodes, and forget the slots' earlier ones."""
        numbers = [int(slot) for slot in slots]
        self._skipping.reset(numbers)
        for slot in numbers:
            self._last.pop(slot, None)
        self._policy.reset(slots, episodes)

    def act(self, observations: Observations) -> ActionChunk:
        """Return the slots' actions, float32 (B, H, 7); ``skipped`` says which need no model.

        The trace of such a slot is the one of its last query that the model answered: what is
        looked at holds until the next one.

        Raises:
            PolicyError: The policy's answer is not what a policy returns.
        """
        slots = [int(slot) for slot in observations["slots"]]
        steps = [int(step) for step in observations["steps"]]
        for slot, step in zip(slots, steps, strict=True):
            self._note_executed(slot, step)
        skipped = [self._skipping.skip(slot) for slot in slots]
        asked = [row for row, chunk in enumerate(skipped) if chunk is None]
        answer = self._ask(observations, asked) if asked else None
        lengths = [len(chunk) for chunk in skipped if chunk is not None]
        length = min([*lengths, *([] if answer is None else [answer.actions.shape[1]])])
        actions = np.zeros((len(slots), length, 7), np.float32)
        traces: list[TokenTrace | None] = [None] * len(slots)
        remarks: list[Mapping[str, Any] | None] = [None] * len(slots)
        for row, chunk in enumerate(skipped):
            if chunk is not None:
                actions[row] = chunk[:length]
                traces[row] = self._skipping.history(slots[row]).traces[-1]
        failures: dict[int, str] = {}
        if answer is not None:
            actions[asked] = answer.actions[:, :length]
            failures = {asked[row]: reason for row, reason in answer.failures.items()}
            for row, trace in zip(asked, answer.traces, strict=True):
                traces[row] = trace
                self._skipping.answer(slots[row], actions[row], trace)
            for row, remark in zip(asked, answer.remarks, strict=False):
                remarks[row] = remark
        for slot, step, chunk in zip(slots, steps, actions, strict=True):
            self._last[slot] = (step, chunk.copy())
        return ActionChunk(
            actions,
            tuple(traces),
            failures,
            remarks=tuple(remarks),
            skipped=tuple(chunk is not None for chunk in skipped),
        )

    def _note_executed(self, slot: int, step: int) -> None:
        """Tell what of a slot's last chunk was executed: as many actions as it made steps."""
        if slot in self._last:
            before, chunk = self._last[slot]
            self._skipping.execute(slot, chunk[: step - before])

    def _ask(self, observations: Observations, rows: list[int]) -> CheckedChunk:
        whole = len(rows) == len(observations["slots"])
        part = observations if whole else {k: _rows_of(v, rows) for k, v in observations.items()}
        return check_chunk(self._policy.act(part), len(rows))


def _rows_of(values: Any, rows: list[int]) -> Any:
    if isinstance(values, tuple):
        return tuple(values[row] for row in rows)
    return values[rows]
