"""Which tasks begin with an object out of reach: ``python examples/reach_at_start.py LIST``.

LIST is what ``gridseval solvable … --write-list`` wrote, such as ``policies/oracle-unsolved.yaml``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from gridseval.envs.libero_env import LiberoEnv

SHOULDER_M = 0.333
"""Height of the Panda's second joint above its base (Franka's data sheet)."""
REACH_M = 0.947
"""How far from there the fingertips get at most."""
BOWL_M = 0.06
"""A bowl's radius: its near rim may be in reach where its centre is not."""


def far_tasks(path: Path) -> Iterator[tuple[str, int, str, float]]:
    """Yield suite, task, object and the object's distance from the shoulder in metres."""
    for suite in yaml.safe_load(path.read_text("utf8"))["suites"]:
        named = [
            (task["task"], task["reason"].removeprefix("out of reach: "))
            for task in suite["tasks"]
            if task["reason"].startswith("out of reach: ")
        ]
        if not named:
            continue
        env = LiberoEnv(suite["suite"], observations=("state",), privileged=True)
        for task, name in named:
            _, info = env.reset(options={"task": task, "trial": 0})
            seen = info["privileged"]
            shoulder = np.add(seen["base"], (0, 0, SHOULDER_M))
            distance = float(np.linalg.norm(np.subtract(seen["objects"][name][:3], shoulder)))
            yield suite["suite"], task, name, distance
        env.close()


def main(path: Path) -> None:
    """Print one line per task, and how many begin out of reach."""
    found = list(far_tasks(path))
    for suite, task, name, distance in found:
        print(f"{suite} {task:>5}  {name:<22} {distance:.3f} m")
    far = [distance - REACH_M for *_, distance in found if distance > REACH_M]
    print(f"{len(far)} of {len(found)} begin with the object's centre more than {REACH_M} m away")
    print(f"{sum(more > BOWL_M for more in far)} of these by more than {BOWL_M} m")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
