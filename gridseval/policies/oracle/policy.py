"""A scripted expert that solves LIBERO's tasks from privileged state.

It exists so that true successes can be produced without a checkpoint: for tests, gates and videos.
It sees what no policy may see (object poses and the parsed goal), but acts as any policy does:
through clipped OSC actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridseval.policies.oracle.chronicle import Chronicle
from gridseval.policies.oracle.expert import Expert
from gridseval.policies.oracle.geometry import Array
from gridseval.policies.oracle.models import Models, load_models
from gridseval.policies.oracle.scene import parse_scene
from gridseval.policies.oracle.source import expert_sha256
from gridseval.policies.oracle.tasks import read_goals
from gridseval.policies.protocol import ActionChunk, Observations, at_least

if TYPE_CHECKING:
    from gridseval.suites import Episode


class OraclePolicy:
    """Pursues goals with scripted skills; stands still where none of them fits the goal.

    Deterministic: an episode's actions depend on its own observations only.

    Args:
        chunk: Actions H per query, at least 1.
        watches: Whether it takes the hand's velocity from what it observes alone. As a label of
            episodes in which another policy acts, it must.
    """

    observation_keys = ("state", "privileged")
    replan = 4

    def __init__(self, chunk: int = 8, watches: bool = False) -> None:
        self._chunk = at_least(1, "chunk", chunk)
        self._watches = watches
        self._models: Models | None = None
        self._experts: dict[int, Expert] = {}
        self._chronicles: dict[int, Chronicle] = {}

    @property
    def details(self) -> dict[str, str]:
        """For ``run.yaml``: the hash of the expert's code and data, which decide how it acts."""
        return {"expert": expert_sha256()}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:  # noqa: ARG002
        """Forget what was known of these slots."""
        for slot in slots:
            self._experts.pop(int(slot), None)

    def act(self, observations: Observations) -> ActionChunk:
        """Return float32 (B, chunk, 7) in [-1, 1], and remarks, for ``observations["slots"]``."""
        rows = zip(
            observations["slots"],
            observations["steps"],
            observations["state"],
            observations["privileged"],
            strict=True,
        )
        plans = [self._plan(int(slot), int(step), *rest) for slot, step, *rest in rows]
        actions = np.clip(np.stack(plans), -1.0, 1.0).astype(np.float32)
        remarks = (self._chronicles[int(slot)].remark() for slot in observations["slots"])
        return ActionChunk(actions, remarks=tuple(remarks))

    def _plan(
        self, slot: int, step: int, state: NDArray[np.float32], privileged: Mapping[str, Any]
    ) -> Array:
        # Read on first use: listing policies must not read files.
        self._models = self._models or load_models()
        scene = parse_scene(privileged, state, step, self._models)
        expert = self._experts.get(slot)
        if expert is None:
            goals = read_goals(privileged["goal"], scene, self._models)
            expert = self._experts[slot] = Expert(self._models, goals, scene, self._watches)
            self._chronicles[slot] = Chronicle(expert, privileged["goal"], scene)
        actions = expert.plan(scene, self._chunk)
        self._chronicles[slot].note(scene)
        return actions
