"""What a worker process gets when it starts."""

from __future__ import annotations

from dataclasses import dataclass

from gridseval.envs.config import EnvConfig
from gridseval.envs.libero_env import LiberoEnv
from gridseval.moved import takes_earlier_arguments


@takes_earlier_arguments
@dataclass(frozen=True)
class EnvSettings(EnvConfig):
    """An environment's options, and how to make it; a subclass may make another one."""

    def make(self) -> LiberoEnv:
        """Make the environment in this process."""
        return LiberoEnv.of(self)
