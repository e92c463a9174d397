"""Memory of a process that goes through many tasks."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from gridseval.envs.libero_env import LiberoEnv

env = LiberoEnv("libero_90", observations=("state",))
for task in range(30):
    env.reset(options={"task": task, "trial": 0})
    if task in (9, 29):
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("assets")
def test_the_peak_does_not_grow_with_the_tasks() -> None:
    """Each closed scene is a cycle of 90 MB: twenty that stay would be 1.8 GB."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    after_ten, after_thirty = map(float, done.stdout.split())
    assert after_thirty - after_ten < 300
