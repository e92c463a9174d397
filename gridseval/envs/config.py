"""The options of an environment: one table of them, for one environment or a pool of processes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from gridseval.envs.arguments import at_least, checked_seed, one_of
from gridseval.envs.episodes import Episodes
from gridseval.envs.perturbations.plan import parse_plan
from gridseval.envs.rendering.backend import BACKENDS
from gridseval.envs.spaces import ACTIONS, IMAGE_PX, OBSERVATION_KEYS, checked_keys, checked_px
from gridseval.errors import UsageError, did_you_mean
from gridseval.moved import current_arguments, renaming_note, takes_earlier_arguments
from gridseval.suites import PROMPTS, SEEDINGS, STARTS, Seeding, Starts

DEFAULT_SEED = 0
"""OpenVLA's, whose protocol is the default."""

_Config = TypeVar("_Config", bound="EnvConfig")
_LEAST = {"action_chunk": 1, "max_steps": 1, "settle_steps": 0, "max_scenes": 1}


@takes_earlier_arguments
@dataclass(frozen=True)
class EnvConfig:
    """The options of :class:`~gridseval.envs.libero_env.LiberoEnv`, as data.

    Args:
        suite: Such as ``"libero_spatial"`` or ``"libero_plus_spatial"``, or a path.
        assets: Folder of LIBERO's assets; ``None`` looks for them, see
            :func:`gridseval.assets.find_assets`.
        observations: Which of ``agentview``, ``wrist``, ``state``, ``controller_state`` to observe.
            Without images no OpenGL is needed.
        action_chunk: Most actions per step, or ``None`` for single actions.
        actions: ``"delta"``, or ``"absolute"`` from the first policy step on: settling is as ever.
        privileged: Whether ``info`` carries the privileged state.
        seed: What LIBERO's ``env.seed`` is given; ``reset(seed=…)`` replaces it.
        seeding: ``"task"`` seeds once, before the reset of trial 0, as OpenVLA and openpi do;
            ``"trial"`` seeds the reset of trial i with ``seed + i``, as LeRobot does.
        starts: ``"stored"`` sets a trial's stored initial state; ``"fresh"`` starts where the
            trial's reset has placed everything, as LIBERO's demonstrations started.
        image_px: Side of the images.
        max_steps: Policy steps before truncation, or ``None`` for the suite's.
        settle_steps: Steps with an open gripper before the first observation, or ``None`` for the
            suite's.
        draw_last: Whether to draw the observation that ends an episode. No action follows it, so a
            rollout repeats the images before.
        motion: Whether the info that ends an episode has ``motion``: figures of how the arm moved;
            see ``gridseval.motion``.
        report_start: Whether the info that ends an episode has ``start_state``: the flat state,
            float64 (1 + nq + nv,), in which it began to settle.
        max_scenes: Compiled tasks to keep.
        libero_plus: Folder of LIBERO-Plus's data, for its tasks that need any; ``None`` is that of
            the environment variable ``GRIDSEVAL_LIBERO_PLUS``.
        prompts: The instructions in LIBERO-Plus: ``"base"``, the base task's instruction, or
            ``"upstream"``, which names the perturbation.
        perturbed_start: Whether the arm of LIBERO-Plus's robot dimension really starts at its joint
            angles, which is another benchmark.
        perturb: Perturbations of every episode, such as ``"camera:3"``.
        trust_remote_code: Whether code of a suite of the user's own may run.
        backend: OpenGL back end, ``"egl"`` or ``"osmesa"``; ``None`` is the first that works.

    Raises:
        UsageError: The environment refuses a value.
    """

    suite: str | Path
    assets: str | None = None
    observations: tuple[str, ...] = OBSERVATION_KEYS
    action_chunk: int | None = None
    actions: str = "delta"
    privileged: bool = False
    seed: int = DEFAULT_SEED
    seeding: Seeding = "task"
    starts: Starts = "stored"
    image_px: int = IMAGE_PX
    max_steps: int | None = None
    settle_steps: int | None = None
    draw_last: bool = True
    motion: bool = False
    report_start: bool = False
    max_scenes: int = 2
    libero_plus: str | None = None
    prompts: str = "base"
    perturbed_start: bool = False
    perturb: tuple[str, ...] = ()
    trust_remote_code: bool = False
    backend: str | None = None

    def __post_init__(self) -> None:
        """Check here, before there are workers that would have to refuse."""
        checked_keys(self.observations)
        checked_seed(self.seed)
        one_of("way of seeding", self.seeding, SEEDINGS)
        one_of("kind of start", self.starts, STARTS)
        checked_px(self.image_px)
        for name, least in _LEAST.items():
            if getattr(self, name) is not None:
                at_least(least, name, getattr(self, name))
        one_of("kind of actions", self.actions, ACTIONS)
        one_of("sort of prompts", self.prompts, PROMPTS)
        parse_plan(self.perturb)
        for text in self.perturb:
            if (note := renaming_note(text)) is not None:
                warnings.warn(note, FutureWarning, stacklevel=5)
        if self.backend is not None:
            one_of("OpenGL back end", self.backend, BACKENDS)

    @classmethod
    def of(cls: type[_Config], suite: str | Path, given: Mapping[str, Any]) -> _Config:
        """Return a configuration from the keyword arguments of a caller.

        Args:
            suite: Name or path of the suite.
            given: Values of other attributes; ``assets`` and ``libero_plus`` may be paths,
                ``observations`` and ``perturb`` any sequence.

        Raises:
            UsageError: There is no such argument, or it has no such value.
        """
        given = current_arguments(given)
        names = [field.name for field in fields(cls) if field.name != "suite"]
        for name in given:
            if name not in names:
                raise UsageError(f"there is no argument {name!r}", did_you_mean(name, names))
        chosen = dict(given)
        for name in ("assets", "libero_plus"):
            if chosen.get(name) is not None:
                chosen[name] = str(chosen[name])
        chosen["perturb"] = tuple(chosen.get("perturb", ()))
        chosen["observations"] = checked_keys(chosen.get("observations", OBSERVATION_KEYS))
        return cls(suite, **chosen)

    def episodes(self, root: Path | None = None) -> Episodes:
        """Return the episodes that the environment can start.

        Args:
            root: Folder of LIBERO's assets, where ``assets`` does not name it.

        Raises:
            UsageError: The environment refuses a value.
        """
        return Episodes(
            self.suite,
            root or Path(self.assets or ""),
            self.libero_plus,
            self.prompts,
            self.perturbed_start,
            self.perturb,
            self.trust_remote_code,
        )
