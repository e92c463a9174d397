"""A policy whose runs are drawn again; ``gridseval run --policy`` finds it by this file's path."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridseval.policies import ActionChunk
from gridseval.policies.oracle import OraclePolicy
from gridseval.tokens import CameraTrace, ImageMapping, TokenTrace

CLOSED_FROM = 4


class Looking(OraclePolicy):
    """Acts as the scripted expert, but closes its gripper in the air; keeps other tokens each time.

    Above the objects, where it is so early, there is nothing to touch.
    """

    image_mapping = ImageMapping((-1.0, -1.0), (1.0, 1.0))

    def act(self, observations: Any) -> ActionChunk:
        actions = super().act(observations).actions.copy()
        actions[np.asarray(observations["steps"]) >= CLOSED_FROM, :, 6] = 1
        return ActionChunk(actions, tuple(map(_trace, observations["steps"])))


def _trace(step: Any) -> TokenTrace:
    kept = np.arange(256) % 7 == int(step) % 7
    points = np.array([(0, 0), (int(step) % 10 / 10, 0.5)], np.float32)
    return TokenTrace(
        (
            CameraTrace("agentview", (16, 16), kept=kept),
            CameraTrace("wrist", (16, 16), points=points),
        )
    )
