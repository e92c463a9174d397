"""What is measured in one episode, in whichever loop."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EpisodeTimes:
    """Times of one episode, and where it ended.

    Attributes:
        trial: Number of the stored initial state.
        steps: Policy steps taken.
        wall_s: From the start of the reset to the end of the last step, compilation left out.
        reset_s: From the start of the reset to the first observation, settling included.
        resetting_s: The part of ``reset_s`` that was not spent rendering.
        physics_s: Control steps of the policy, with robot control and success check.
        rendering_s: Images, of the reset and of the steps.
        policy_s: Finding the next action.
        images: Images drawn.
        cpu_s: Processor time of the process that ran the episode, and of the one that told it what
            to do; ``None`` where the operating system does not tell.
        state: The flat simulation state at the end, float64, as hexadecimal text.
    """

    trial: int
    steps: int
    wall_s: float
    reset_s: float
    resetting_s: float
    physics_s: float
    rendering_s: float
    policy_s: float
    images: int
    cpu_s: float | None
    state: str


class Stopwatch:
    """Sums the time spent in ``with`` blocks.

    Attributes:
        seconds: The sum so far.
        times: How many blocks there were.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.times = 0
        self._began = 0.0

    def __enter__(self) -> Stopwatch:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began
        self.times += 1


def cpu_seconds(pid: int) -> float | None:
    """Return the processor time of a process and its threads, or ``None`` without ``/proc``."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold spaces
    user, system, child_user, child_system = (int(field) for field in fields[11:15])
    return (user + system + child_user + child_system) / os.sysconf("SC_CLK_TCK")
