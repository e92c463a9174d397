"""The outcome of one episode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.rollout.seen_states import SeenStates
from gridseval.status import Status
from gridseval.suites import Episode


@dataclass(frozen=True)
class Outcome:
    """The outcome of one episode.

    Attributes:
        episode: Which one.
        status: How it ended.
        steps: Policy steps taken.
        queries: How often the policy was asked.
        retries: Technical failures before this attempt.
        wall_s: Seconds from its start to its end, in this attempt.
        seconds: The environment's share of it, by what it was spent on, plus ``policy``.
        actions: float32 (steps, 7): what was executed.
        figures: Of its queries, for the record's ``extra``; see :meth:`QueryLog.figures`.
        motion: How the arm moved: figures of ``gridseval.motion``.
        remark: What the policy last said of the episode, for the record's ``extra``; see
            :class:`gridseval.policies.ActionChunk`.
        error: Why, for ``"error"``.
        host: The node of a cluster on which it ran; ``None`` on this machine.
        seen: Which states the policy was shown, where it looks at them.
        arranged: What stood elsewhere, where a perturbation moves things; see
            :func:`gridseval.envs.arrangement.arranged_start`.
        start_state: float64 (1 + nq + nv,), where the environment tells it: the flat state before
            the simulator settled.
    """

    episode: Episode
    status: Status
    steps: int
    queries: int
    retries: int
    wall_s: float
    seconds: Mapping[str, float] = field(default_factory=dict)
    actions: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 7), np.float32))
    figures: Mapping[str, Any] = field(default_factory=dict)
    motion: Mapping[str, float] = field(default_factory=dict)
    remark: Mapping[str, Any] | None = None
    error: str | None = None
    host: str | None = None
    seen: SeenStates | None = None
    arranged: Mapping[str, Any] | None = None
    start_state: NDArray[np.float64] | None = None
