"""Queries that need no model: a method answers them from the actions and traces before them.

Numpy only. A :class:`Skipping` remembers each slot's episode; a policy's wrapper tells it what was
executed and what the model answered, and asks it before each query.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridseval.tokens.token_trace import TokenTrace

Actions = NDArray[np.float32]
"""float32 (n, 7), as :class:`gridseval.policies.ActionChunk` has them."""


class Executed(NamedTuple):
    """One action that was executed.

    Attributes:
        action: float32 (7,).
        generated: Whether the model made it; false where a method did.
    """

    action: Actions
    generated: bool


@dataclass
class SlotHistory:
    """What a method knows of an episode.

    Attributes:
        executed: The last few actions, oldest first.
        chunk: float32 (H, 7), what was answered last; ``None`` before the first query.
        traces: Of the last two queries that the model answered, oldest first.
        skipped: Queries in a row that were answered without the model.
    """

    executed: deque[Executed]
    chunk: Actions | None = None
    traces: deque[TokenTrace | None] = field(default_factory=lambda: deque(maxlen=2))
    skipped: int = 0


class Skipping(abc.ABC):
    """Decides which queries need no model.

    Args:
        length: How many executed actions are remembered, at least 1.

    Attributes:
        active: Whether any query is answered so; if not, the history is kept all the same.
    """

    active = True

    def __init__(self, length: int) -> None:
        self._length = length
        self._slots: dict[int, SlotHistory] = {}

    def reset(self, slots: Sequence[int]) -> None:
        """Forget the history of slots that start new episodes."""
        for slot in slots:
            self._slots.pop(int(slot), None)

    def execute(self, slot: int, actions: Actions) -> None:
        """Learn that the first actions of the last chunk were executed, float32 (n, 7)."""
        history = self.history(slot)
        generated = history.skipped == 0
        history.executed.extend(Executed(action.copy(), generated) for action in actions)

    def answer(self, slot: int, chunk: Actions, trace: TokenTrace | None) -> None:
        """Learn what the model answered: float32 (H, 7), and what it looked at."""
        history = self.history(slot)
        history.chunk, history.skipped = chunk.copy(), 0
        history.traces.append(trace)

    def skip(self, slot: int) -> Actions | None:
        """Return the actions of a query that needs no model, float32 (H, 7), and remember them.

        ``None`` where the model has to be asked.
        """
        history = self.history(slot)
        known = self.active and history.chunk is not None
        chunk = self.decide(history) if known else None
        if chunk is not None:
            history.chunk = chunk = np.ascontiguousarray(chunk, np.float32)
            history.skipped += 1
        return chunk

    def history(self, slot: int) -> SlotHistory:
        """Return what is known of a slot's episode."""
        found = self._slots.get(slot)
        if found is None:
            found = self._slots[slot] = SlotHistory(deque(maxlen=self._length))
        return found

    @abc.abstractmethod
    def decide(self, history: SlotHistory) -> Actions | None:
        """Return the actions of a query that needs no model; ``None`` where it needs one.

        Args:
            history: With a chunk.
        """


class ChunkReuse(Skipping):
    """FlashVLA: the last chunk once more, where actions and kept tokens are stable.

    Source: arXiv 2505.21200, section 3.2. With A the last executed actions and I the tokens kept in
    the last queries, oldest first: reuse if angle(A₁, A₂) < ``angle`` and |I₁ ∩ I₂| / |I₂| >
    ``overlap``. The paper prints ">" for both; a large angle is an unstable action, so that "<" is
    meant. The angle is that of translation and rotation together (components 0 to 5), and the
    gripper must not have changed its sign: the paper does not say.

    Args:
        angle: In degrees, in [0, 180].
        overlap: In [0, 1].
        most: Queries in a row that are answered so, at least 1: afterwards the angle is 0 and the
            kept tokens are the same, so that without a limit nothing would be asked any more.
    """

    def __init__(self, angle: float, overlap: float, most: int) -> None:
        super().__init__(2)
        self._angle, self._overlap, self._most = angle, overlap, most

    def decide(self, history: SlotHistory) -> Actions | None:
        """Return the last chunk, float32 (H, 7), or ``None``."""
        if min(len(history.executed), len(history.traces)) < 2 or history.skipped >= self._most:
            return None
        first, second = (each.action for each in history.executed)
        if np.sign(first[6]) != np.sign(second[6]) or not self._is_stable(first, second):
            return None
        before, last = history.traces
        if before is None or last is None or not overlap_of(before, last) > self._overlap:
            return None
        return history.chunk

    def _is_stable(self, first: Actions, second: Actions) -> bool:
        angle = angle_between(first[:6], second[:6])
        return angle is not None and angle < self._angle


class Regression(Skipping):
    """SP-VLA: easy steps follow the line through the last actions' translations.

    Source: arXiv 2506.12723, section 3.2, and its code (ChildTang/SP-VLA), as others describe it. A
    step is easy if at least ``generated`` of the last 6 actions are the model's, and for each of
    the last ``steps`` actions |z| / max(|x|, |y|, 1e-4) < ``z_xy_rate`` and |z| < ``z_max``. Then
    x, y and z come from a ridge regression on [t, 1] over the 6 actions (λ = 1e-4, on both
    coefficients), clipped to ±0.9 and to the largest change between neighbours; the other
    components are the last action's. A policy with chunks of H actions gets H of them, t = 6, 7, …:
    the paper has H = 1.

    Args:
        steps: At least 1, at most 6.
        z_xy_rate: More than 0.
        z_max: More than 0.
        generated: 1 to 6; the paper's share τ.
    """

    LENGTH = 6
    _LIMIT, _RIDGE, _FLOOR = 0.9, 1e-4, 1e-4

    def __init__(self, steps: int, z_xy_rate: float, z_max: float, generated: int) -> None:
        super().__init__(self.LENGTH)
        self._steps, self._generated = steps, generated
        self._z_xy_rate, self._z_max = z_xy_rate, z_max

    def speed(self, slot: int) -> float | None:
        """Return |z| of a slot's last action; ``None`` before the first."""
        executed = self.history(slot).executed
        return abs(float(executed[-1].action[2])) if executed else None

    def decide(self, history: SlotHistory) -> Actions | None:
        """Return as many actions as the last chunk has, float32 (H, 7), or ``None``."""
        executed = history.executed
        made = sum(each.generated for each in executed)
        if len(executed) < self.LENGTH or made < self._generated:
            return None
        actions = np.stack([each.action for each in executed])
        last = np.abs(actions[-self._steps :, :3].astype(np.float64))
        rate = last[:, 2] / np.maximum(last[:, :2].max(1), self._FLOOR)
        if not ((rate < self._z_xy_rate) & (last[:, 2] < self._z_max)).all():
            return None
        assert history.chunk is not None
        return self._fitted(actions, len(history.chunk))

    def _fitted(self, actions: Actions, length: int) -> Actions:
        path = actions[:, :3].astype(np.float64)
        times = np.arange(len(path) + length, dtype=np.float64)
        design = np.stack([times, np.ones_like(times)], axis=1)
        known = design[: len(path)]
        weights = np.linalg.solve(known.T @ known + self._RIDGE * np.eye(2), known.T @ path)
        change = np.abs(np.diff(path, axis=0)).max(0)
        made, before = np.repeat(actions[-1:], length, axis=0), path[-1]
        for step, line in enumerate(design[len(path) :] @ weights):
            bounded = np.clip(line, before - change, before + change)
            before = np.clip(bounded, -self._LIMIT, self._LIMIT)
            made[step, :3] = before
        return made


def angle_between(first: NDArray[np.floating], second: NDArray[np.floating]) -> float | None:
    """Return the angle of two vectors in degrees; ``None`` where one of them is 0."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    if norms == 0:
        return None
    # Not the arc cosine, which knows small angles to a few digits only.
    u, v = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))))


def overlap_of(before: TokenTrace, last: TokenTrace) -> float:
    """Return which share of the last trace's kept tokens the one before had, in [0, 1].

    0 where tokens are sampled.
    """
    common = kept = 0
    for one, other in zip(before.cameras, last.cameras, strict=True):
        if one.kept is None or other.kept is None:
            return 0.0
        common += int((one.kept & other.kept).sum())
        kept += int(other.kept.sum())
    return common / kept if kept else 0.0
