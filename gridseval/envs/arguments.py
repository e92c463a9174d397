"""Checks of what callers give to environments, made before anything changes."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import UsageError, did_you_mean
from gridseval.suites import MOST_SEED, Suite, Task

_RENDER_MODES = ("rgb_array",)
_Choice = TypeVar("_Choice", bound=str)


@dataclass(frozen=True)
class ResetOptions:
    """The options of a reset.

    Attributes:
        task: The task to start.
        trial: Number of the stored initial state.
        record_every: Policy steps between recorded frames; 0 records none.
    """

    task: Task
    trial: int
    record_every: int

    @classmethod
    def of(cls, suite: Suite, options: Mapping[str, Any] | None) -> ResetOptions:
        """Return the options with defaults filled in.

        Raises:
            UsageError: An option does not exist or has no such value.
        """
        chosen: dict[str, Any] = {"task": 0, "trial": 0, "record_every": 0}
        for key, value in (options or {}).items():
            if key not in chosen:
                raise UsageError(f"reset has no option {key!r}", did_you_mean(str(key), chosen))
            chosen[key] = value
        task, trial = checked_episode(suite, chosen["task"], chosen["trial"])
        return cls(task, trial, at_least(0, "record_every", chosen["record_every"]))


def at_least(least: int, name: str, value: Any, default: int | None = None) -> int:
    """Return a whole number, if it is not below ``least``; the default, if there is one, for none.

    Raises:
        UsageError: It is, or is no whole number.
    """
    number = default if value is None and default is not None else whole(name, value)
    if number < least:
        raise UsageError(f"{name} must be at least {least}, not {number}")
    return number


def whole(name: str, value: Any) -> int:
    """Return a whole number; true and false are none here, though Python counts with them.

    Raises:
        UsageError: It is none.
    """
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise UsageError(f"{name} must be a whole number, not {value!r}")


def checked_seed(seed: Any) -> int:
    """Return a seed that numpy's global generator takes: 0 to 2³² − 1.

    Raises:
        UsageError: It is out of range, or no whole number.
    """
    number = whole("seed", seed)
    if not 0 <= number <= MOST_SEED:
        raise UsageError(f"seed {number} is out of range", f"choose 0 to {MOST_SEED}")
    return number


def checked_episode(suite: Suite, task: Any, trial: Any) -> tuple[Task, int]:
    """Return a task and the number of a trial.

    Args:
        suite: What has them.
        task: Index or name.
        trial: Number of the stored initial state.

    Raises:
        UsageError: There is no such task or trial.
    """
    key = task if isinstance(task, str) else whole("task", task)
    return suite.task(key), suite.check_trial(whole("trial", trial))


def checked_actions(action: Any, most: int | None) -> NDArray[np.float64]:
    """Return actions as rows.

    Args:
        action: What a caller gave to ``step``.
        most: Most actions per step, or ``None`` if exactly one is taken, without rows.

    Returns:
        float64 (n, 7), as in robosuite: float32 actions are represented exactly.

    Raises:
        UsageError: The action has another shape or is not finite.
    """
    try:
        actions = np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"an action that is no array of numbers was given: {error}") from error
    if most is None:
        fits = actions.shape == (7,)
    else:
        fits = actions.ndim == 2 and actions.shape[1] == 7 and 1 <= len(actions) <= most
    if not fits:
        expected = "(7,)" if most is None else f"(n, 7) with n from 1 to {most}"
        raise UsageError(f"an action of shape {actions.shape} was given, not {expected}")
    if not np.isfinite(actions).all():
        raise UsageError("an action that is not finite was given")
    return actions.reshape(-1, 7)


def one_of(name: str, value: Any, choices: tuple[_Choice, ...]) -> _Choice:
    """Return the value, if it is one of the choices.

    Raises:
        UsageError: It is not; names the nearest.
    """
    for choice in choices:
        if isinstance(value, str) and value == choice:
            return choice
    raise UsageError(f"there is no {name} {value!r}", did_you_mean(str(value), choices))


def checked_mode(mode: Any) -> str | None:
    """Return ``"rgb_array"`` or ``None``.

    Raises:
        UsageError: The mode is neither.
    """
    return None if mode is None else one_of("render mode", mode, _RENDER_MODES)
