"""What a worker process is told when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from gridseval.envs.arguments import at_least, checked_seed, one_of
from gridseval.envs.libero_env import DEFAULT_SEED, LiberoEnv
from gridseval.envs.rendering.backend import BACKENDS
from gridseval.envs.spaces import OBSERVATION_KEYS, checked_keys
from gridseval.errors import UsageError, did_you_mean

_Settings = TypeVar("_Settings", bound="EnvSettings")
_LEAST = {"action_chunk": 1, "max_steps": 1, "settle_steps": 0, "max_scenes": 1}


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

    Raises:
        UsageError: A value is none that the environment takes.
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

    def __post_init__(self) -> None:
        """Check here, before there are workers that would have to refuse."""
        checked_keys(self.observations)
        checked_seed(self.seed)
        for name, least in _LEAST.items():
            if getattr(self, name) is not None:
                at_least(least, name, getattr(self, name))
        if self.backend is not None:
            one_of("OpenGL back end", self.backend, BACKENDS)

    @classmethod
    def of(cls: type[_Settings], suite: str, given: Mapping[str, Any]) -> _Settings:
        """Return settings from the keyword arguments of a caller.

        Args:
            suite: Name of the suite.
            given: Values of other attributes; ``assets`` may be a path, ``observations`` any
                sequence.

        Raises:
            UsageError: There is no such argument, or it has no such value.
        """
        names = [field.name for field in fields(cls) if field.name != "suite"]
        for name in given:
            if name not in names:
                raise UsageError(f"there is no argument {name!r}", did_you_mean(name, names))
        chosen = dict(given)
        if chosen.get("assets") is not None:
            chosen["assets"] = str(chosen["assets"])
        chosen["observations"] = checked_keys(chosen.get("observations", OBSERVATION_KEYS))
        return cls(suite, **chosen)

    def make(self) -> LiberoEnv:
        """Make the environment in this process."""
        return LiberoEnv(**asdict(self))
