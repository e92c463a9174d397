"""Processes that were forked after EGL was used: drawing in them never ends.

EGL's connection to the driver is the process's that opened it. MuJoCo keeps it in its module, which
a forked child inherits; so the process that used it is noted there.
"""

from __future__ import annotations

import os
import sys

from gridseval.errors import MachineError

_USER = "_gridseval_process"


def note_egl() -> None:
    """Note that this process has used EGL, if it has and no process is noted."""
    module = sys.modules.get("mujoco.egl")
    if getattr(module, "EGL_DISPLAY", None) is not None:
        vars(module).setdefault(_USER, os.getpid())


def check_not_forked() -> None:
    """Refuse to draw in a process that was forked after EGL was used.

    Raises:
        MachineError: It was.
    """
    user = getattr(sys.modules.get("mujoco.egl"), _USER, None)
    if user not in (None, os.getpid()):
        raise MachineError(
            f"process {os.getpid()} was forked from process {user} after that had used EGL, so "
            "that drawing would never end",
            'AsyncVectorEnv(..., context="spawn"), or gymnasium.make_vec without '
            "vectorization_mode, which starts fresh processes",
        )
