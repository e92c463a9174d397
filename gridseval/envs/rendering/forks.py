"""Processes that were forked after OpenGL was used: there, drawing never ends.

The driver's threads and its connection belong to the process that started them. A forked child
inherits Python's modules, which say that all is ready. So MuJoCo's module, which it inherits, too,
has a note of the process that has drawn.
"""

from __future__ import annotations

import os
import sys

from gridseval.errors import MachineError

_USER = "_gridseval_process"


def note_drawing(draws: bool = False) -> None:
    """Note that this process has used OpenGL, if it has and none is noted.

    Args:
        draws: Whether it surely has; else it is looked whether MuJoCo has opened EGL.
    """
    egl = getattr(sys.modules.get("mujoco.egl"), "EGL_DISPLAY", None)
    if draws or egl is not None:
        vars(sys.modules["mujoco"]).setdefault(_USER, os.getpid())


def check_not_forked() -> None:
    """Refuse to draw in a process that was forked after OpenGL was used.

    Raises:
        MachineError: It was.
    """
    user = getattr(sys.modules.get("mujoco"), _USER, None)
    if user not in (None, os.getpid()):
        raise MachineError(
            f"process {os.getpid()} was forked from process {user} after that had used OpenGL, so "
            "that drawing would never end",
            'AsyncVectorEnv(..., context="spawn"), or gymnasium.make_vec without '
            "vectorization_mode, which starts fresh processes",
        )
