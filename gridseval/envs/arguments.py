"""Checks of what callers give to environments, made before anything changes."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import UsageError, did_you_mean
from gridseval.suites import MOST_SEED, MOST_TRIALS, Starts, Suite, Task

_RENDER_MODES = ("rgb_array",)
_Choice = TypeVar("_Choice", bound=str)


@dataclass(frozen=True)
class ResetOptions:
    """The options of a reset.

    Attributes:
        task: The task to start.
        trial: Number of the stored initial state, or of the fresh start.
        record_every: Policy steps between recorded frames; 0 records none.
        starts: Which of the two ``trial`` numbers.
    """

    task: Task
    trial: int
    record_every: int
    starts: Starts

    @classmethod
    def of(
        cls, suite: Suite, options: Mapping[str, Any] | None, starts: Starts = "stored"
    ) -> ResetOptions:
        """Return the options with defaults filled in.

        Args:
            suite: What has the tasks.
            options: ``task``, ``trial`` or ``start``, ``record_every``.
            starts: What a ``trial`` numbers; a ``start`` is always a fresh one.

        Raises:
            UsageError: An option does not exist or has no such value.
        """
        chosen: dict[str, Any] = {"task": 0, "trial": 0, "record_every": 0, "start": None}
        for key, value in (options or {}).items():
            if key not in chosen:
                raise UsageError(f"reset has no option {key!r}", did_you_mean(str(key), chosen))
            chosen[key] = value
        if chosen["start"] is not None:
            if "trial" in (options or {}):
                raise UsageError(
                    "reset was given both a trial and a start",
                    "trial numbers stored initial states, start numbers fresh ones: give one",
                )
            starts, chosen["trial"] = "fresh", chosen["start"]
        task, trial = checked_episode(suite, chosen["task"], chosen["trial"], starts)
        return cls(task, trial, at_least(0, "record_every", chosen["record_every"]), starts)


def at_least(least: int, name: str, value: Any, default: int | None = None) -> int:
    """Return a whole number of at least ``least``, or the default (if there is one) for ``None``.

    Raises:
        UsageError: It is smaller, or not a whole number.
    """
    number = default if value is None and default is not None else whole(name, value)
    if number < least:
        raise UsageError(f"{name} must be at least {least}, not {number}")
    return number


def whole(name: str, value: Any) -> int:
    """Return a whole number; true and false are refused, though Python counts with them.

    Raises:
        UsageError: It is not a whole number.
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
        UsageError: It is out of range, or not a whole number.
    """
    number = whole("seed", seed)
    if not 0 <= number <= MOST_SEED:
        raise UsageError(f"seed {number} is out of range", f"choose 0 to {MOST_SEED}")
    return number


def checked_episode(
    suite: Suite, task: Any, trial: Any, starts: Starts = "stored"
) -> tuple[Task, int]:
    """Return a task and the number of a trial.

    Args:
        suite: What has them.
        task: Index or name.
        trial: Number of the stored initial state, or of the fresh start.
        starts: Which of the two.

    Raises:
        UsageError: There is no such task or trial.
    """
    key = task if isinstance(task, str) else whole("task", task)
    if starts == "stored":
        return suite.task(key), suite.check_trial(whole("trial", trial))
    number = at_least(0, "start", trial)
    if number >= MOST_TRIALS:
        raise UsageError(f"start must be below {MOST_TRIALS}, not {number}", "choose another seed")
    return suite.task(key), number


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
        raise UsageError(f"an action is not an array of numbers: {error}") from error
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
        UsageError: It is not one of them; names the nearest.
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
