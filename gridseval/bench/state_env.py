"""The environment with its simulation state in ``info``, to compare it with the plain loop's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from gridseval.envs.libero_env import LiberoEnv, Observation
from gridseval.envs.pool.settings import EnvSettings


class StateEnv(LiberoEnv):
    """The environment, with the flat simulation state in ``info["sim_state"]``."""

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode."""
        observation, info = super().reset(seed=seed, options=options)
        return observation, {**info, "sim_state": self.sim_state()}

    def step(self, action: NDArray[Any]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take the steps of a chunk."""
        observation, reward, terminated, truncated, info = super().step(action)
        info["sim_state"] = self.sim_state()
        return observation, reward, terminated, truncated, info


@dataclass(frozen=True)
class StateEnvSettings(EnvSettings):
    """Settings of an environment that reports its state."""

    def make(self) -> LiberoEnv:
        """Make the environment in this process."""
        return StateEnv.of(self)
