"""What a worker process is told when it starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from gridseval.envs.libero_env import DEFAULT_SEED, LiberoEnv
from gridseval.envs.spaces import OBSERVATION_KEYS


@dataclass(frozen=True)
class EnvSettings:
    """The arguments of :class:`~gridseval.envs.libero_env.LiberoEnv`, as data.

    Attributes:
        suite: Name of the suite.
        assets: Folder of LIBERO's models, or ``None`` to look for them.
        observations: Which of ``agentview``, ``wrist``, ``state``.
        action_chunk: Most actions per step, or ``None`` for single actions.
        privileged: Whether to report poses and the parsed goal.
        seed: LIBERO's seed.
        max_steps: Policy steps before truncation, or ``None`` for the suite's.
        settle_steps: Settle steps, or ``None`` for the suite's.
        draw_last: Whether the observation that ends an episode gets images of its own.
        max_scenes: Compiled tasks to keep.
        backend: OpenGL back end, or ``None`` to find one.
    """

    suite: str
    assets: str | None = None
    observations: tuple[str, ...] = OBSERVATION_KEYS
    action_chunk: int | None = None
    privileged: bool = False
    seed: int = DEFAULT_SEED
    max_steps: int | None = None
    settle_steps: int | None = None
    draw_last: bool = True
    max_scenes: int = 2
    backend: str | None = None

    def make(self) -> LiberoEnv:
        """Make the environment in this process."""
        return LiberoEnv(**asdict(self))
