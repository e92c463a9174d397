"""Errors that a user can cause, and the exit code of each.

GridsevalError
├── UsageError    2  an argument names something that does not exist or cannot be combined
├── MachineError  3  this machine lacks something: assets, GL, a supported version
│   └── WorkerLostError  a worker process was lost each time it tried to start an episode
├── PolicyError   4  a checkpoint cannot be loaded, or its actions cannot be executed
└── OutputError   5  the run directory cannot be written or holds another run

Exit code 1 is a bug in gridseval, 6 a finished run in which episodes ended as *error*, 130
Ctrl-C, 143 SIGTERM, 128 + n any other signal that ends a run.
They are printed in one place only, by ``gridseval.cli``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class GridsevalError(Exception):
    """Something a user can cause and mend.

    Args:
        message: What is wrong, naming the thing and the reason. Another such error stands for its
            message and hint: Gymnasium's vector environments raise copies made that way.
        hint: The next step, or ``None``.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | GridsevalError, hint: str | None = None) -> None:
        given = message if isinstance(message, GridsevalError) else None
        self.message: str = message if isinstance(message, str) else message.message
        self.hint: str | None = given.hint if hint is None and given is not None else hint
        super().__init__(self.message, self.hint)

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class UsageError(GridsevalError):
    """An argument names something that does not exist, or arguments contradict each other."""

    exit_code = 2


class MachineError(GridsevalError):
    """The machine lacks something that a run needs: assets, OpenGL, a supported version."""

    exit_code = 3


class WorkerLostError(MachineError):
    """An episode cannot be started: its worker process died, raised or hung at each attempt.

    Only :class:`~gridseval.envs.pool.vector_env.LiberoVectorEnv` raises it: a run records the
    episode as *error* and goes on.
    """


class PolicyError(GridsevalError):
    """A checkpoint cannot be loaded, or a policy returned actions that cannot be executed."""

    exit_code = 4


class OutputError(GridsevalError):
    """The run directory cannot be written, or belongs to another run."""

    exit_code = 5


def did_you_mean(wrong: str, valid: Iterable[str], at_most: int = 20) -> str:
    """Return a hint that names the nearest valid choice, else the first ones and their number.

    >>> did_you_mean("gird", ["grid", "dense"])
    "did you mean 'grid'?"
    >>> did_you_mean("other", ["grid", "dense", "uniform"], at_most=2)
    'choose from: grid, dense, … (1 more)'
    """
    choices = list(valid)
    near = difflib.get_close_matches(wrong, choices, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(choices[:at_most])
    more = len(choices) - at_most
    return f"choose from: {shown}" + (f", … ({more} more)" if more > 0 else "")
