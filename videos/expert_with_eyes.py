"""The scripted expert, with the visual tokens that a nano model would have kept beside it.

There is no trained nano yet, and a random network's arm flails. So that clips show how an overlay
looks in an episode worth watching, the expert acts (it needs no images) and a freshly initialised
nano is asked, at every query, which tokens its pruner keeps of the same two images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridseval.policies import ActionChunk
from gridseval.policies.nano.policy import NanoPolicy
from gridseval.policies.oracle import OraclePolicy
from gridseval.suites import Episode


class ExpertWithEyes(OraclePolicy):
    """Acts as ``oracle`` and traces as ``nano`` with this pruner.

    Args:
        pruner: Chooses visual tokens.
        k: Tokens per camera, for pruners that take a number.
        spread: For ``grids``: factor on the sampler's last layer. A fresh sampler puts all its
            points near the middle, and it takes training to send them elsewhere.
        seed: Of nano's weights.
    """

    observation_keys = ("agentview", "wrist", "state", "privileged")

    def __init__(
        self, pruner: str = "lightvla", k: int | None = None, spread: float = 1.0, seed: int = 0
    ) -> None:
        super().__init__()
        chosen: dict[str, Any] = {} if k is None else {"k": k}
        if spread != 1:
            chosen["layer_norm"] = True
        self._eyes = NanoPolicy(seed=seed, pruner=pruner, **chosen)
        if spread != 1:
            self._eyes.model.pruner.scout_mlp[2].weight.data.mul_(spread)
        self.image_mapping = self._eyes.image_mapping

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Begin these episodes."""
        super().reset(slots, episodes)
        self._eyes.reset(slots, episodes)

    def act(self, observations: Any) -> ActionChunk:
        """Return the expert's actions with nano's traces."""
        actions = super().act(observations).actions
        return ActionChunk(actions, self._eyes.act(observations).traces)
