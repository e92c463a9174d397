"""Workers that only exist as times: each answers a drawn time after its message."""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridseval.envs.pool.messages import Reply, Start, Step

IMAGE_PX = 256
_MOTION = {"path_m": 1.2063, "ldlj": -15.22183, "sparc": -2.34617, "reversals_hz": 0.45455}
_MOTION |= {"energy_j": 145.55705, "contact_n": 40.03013, "moved_m": 0.0, "toggles": 2}


@dataclass
class _Slot:
    steps: int = 0
    last: int = 0


class SimulatedPool:
    """A pool without processes, on a clock that passes only while this process computes.

    When nothing is due the clock jumps to the next answer. So a run of hours takes as long as its
    driver computes, and the driver meets as many answers at once as it would.

    Args:
        slots: Number of workers.
        step_s: Mean time that a worker takes for a policy step.
        steps: Policy steps of an episode, on average.
        seed: Of the drawn times and lengths.

    Attributes:
        elapsed_s: What the clock shows.
    """

    def __init__(self, slots: int, step_s: float, steps: int, seed: int = 0) -> None:
        self.slots = range(slots)
        self._step_s, self._steps = step_s, steps
        self._rng = np.random.default_rng(seed)
        self._due: list[tuple[float, int]] = []
        self._slots = [_Slot() for _ in range(slots)]
        self._jumped_s = -time.process_time()
        self._image = np.zeros((IMAGE_PX, IMAGE_PX, 3), np.uint8)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the pool was made: computing, and waiting for answers."""
        return self._jumped_s + time.process_time()

    def send(self, slot: int, message: Start | Step) -> None:
        """Note when the worker will answer."""
        state = self._slots[slot]
        if isinstance(message, Start):
            state.steps, state.last = 0, int(self._rng.integers(self._steps // 2, 2 * self._steps))
            took = 10 * self._step_s  # settling
        else:
            done = min(len(message.actions), state.last - state.steps)
            state.steps, took = state.steps + done, done * self._step_s
        due_s = self.elapsed_s + took * float(self._rng.lognormal(0.0, 0.3))
        heapq.heappush(self._due, (due_s, slot))

    def wait(self, wakes: Sequence[Any] = ()) -> list[Reply]:  # noqa: ARG002
        """Return all answers that are there, at least one if any worker is busy.

        Args:
            wakes: Not looked at: the policy answers in this process.
        """
        if not self._due:
            return []
        self._jumped_s += max(0.0, self._due[0][0] - self.elapsed_s)
        now_s, replies = self.elapsed_s, []
        while self._due and self._due[0][0] <= now_s:
            replies.append(self._reply(heapq.heappop(self._due)[1]))
        return replies

    def close(self) -> None:
        """Do nothing: there is no process."""

    def _reply(self, slot: int) -> Reply:
        state = self._slots[slot]
        ended = state.steps >= state.last
        observation = {
            "agentview": self._image.copy(),  # as they are copied out of shared memory
            "wrist": self._image.copy(),
            "state": np.zeros(8, np.float32),
            "instruction": "pick up the alphabet soup and place it in the basket",
        }
        seconds = {"compile": 0.0, "reset": 0.2, "physics": 1.1, "rendering": 3.7}
        info = {"steps": state.steps, "seconds": seconds} | ({"motion": _MOTION} if ended else {})
        return Reply(slot, observation, float(ended), ended, False, info)
