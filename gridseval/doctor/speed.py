"""Time images, in a separate process: ``python -m gridseval.doctor.speed BACKEND [ASSETS]``."""

from __future__ import annotations

import json
import os
import sys
import time
from statistics import median

import numpy as np

from gridseval.envs.libero_env import LiberoEnv
from gridseval.errors import GridsevalError

SUITE, TASK = "libero_spatial", 5
STEPS = 10
_REST = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])


def main(backend: str, assets: str) -> None:
    """Print a JSON line: ``agentview_ms``, ``wrist_ms``, ``second_look_ms``, medians over steps."""
    env = LiberoEnv(
        SUITE,
        assets=assets or None,
        observations=("agentview",),
        backend=backend,
        render_mode="rgb_array",
    )
    env.reset(options={"task": TASK})
    env.render()  # the first images of a task prepare its buffers
    looks = [_looks(env) for _ in range(STEPS)]
    names = ("agentview_ms", "wrist_ms", "second_look_ms")
    medians = {name: 1000 * median(look[i] for look in looks) for i, name in enumerate(names)}
    sys.stdout.write(json.dumps(medians) + "\n")
    sys.stdout.flush()
    os._exit(0)  # OpenGL contexts do not always survive the interpreter's orderly end


def _looks(env: LiberoEnv) -> tuple[float, float, float]:
    """Take a step and return the seconds of its two images and of looking at both again."""
    before = env.seconds["rendering"]
    env.step(_REST)
    agentview = env.seconds["rendering"]
    env.render()  # agentview is at hand, the wrist camera is drawn
    wrist = env.seconds["rendering"]
    began = time.perf_counter()
    env.render()
    return agentview - before, wrist - agentview, time.perf_counter() - began


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
    except GridsevalError as error:
        sys.exit(str(error))
