"""Checks of what callers give to environments, made before anything changes."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridseval.errors import UsageError, did_you_mean
from gridseval.suites import Suite, Task

_MAX_SEED = 2**32 - 1


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
        return cls(
            suite.task(chosen["task"]),
            suite.check_trial(chosen["trial"]),
            at_least(0, "record_every", chosen["record_every"]),
        )


def at_least(least: int, name: str, value: Any) -> int:
    """Return a whole number, if it is not below ``least``.

    Raises:
        UsageError: It is, or is no whole number.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{name} must be a whole number, not {value!r}") from None
    if number < least:
        raise UsageError(f"{name} must be at least {least}, not {number}")
    return number


def checked_seed(seed: int) -> int:
    """Return a seed that numpy's global generator takes: 0 to 2³² − 1.

    Raises:
        UsageError: It is out of range.
    """
    if not 0 <= seed <= _MAX_SEED:
        raise UsageError(f"seed {seed} is out of range", f"choose 0 to {_MAX_SEED}")
    return int(seed)


def one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    """Return the value, if it is one of the choices.

    Raises:
        UsageError: It is not; names the nearest.
    """
    if value not in choices:
        raise UsageError(f"there is no {name} {value!r}", did_you_mean(value, choices))
    return value
