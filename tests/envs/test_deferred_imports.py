"""Packages that are imported on first use only, and what MuJoCo keeps of a compilation."""

from __future__ import annotations

import subprocess

from gridseval.envs.python_process import code_command

WORKER = """
from gridseval.envs.libero_package import import_libero
import_libero()
print([name for name in ("cv2", "matplotlib", "matplotlib.cm") if name in sys.modules])
from robosuite.utils import opencv_renderer
print(opencv_renderer.cv2.resize.__name__)
import cv2, matplotlib.cm
print(cv2.__file__.endswith(".py"), matplotlib.cm.__name__)
from gridseval.envs.compiler_memory import limit_asset_cache
print(limit_asset_cache(0))
"""


def test_a_worker_imports_neither_opencv_nor_matplotlib() -> None:
    done = subprocess.run(
        code_command(WORKER), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "resize", "True matplotlib.cm", "True"]


LATE = """
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.pool import make_pool
from gridseval.envs.pool.settings import EnvSettings
env = LiberoEnv("libero_object", observations=("state",), max_scenes=1)
for task in (0, 1, 0):
    env.reset(options={"task": task, "trial": 0})
env.close()
make_pool(EnvSettings("libero_object", observations=("state",), asset_cache_mb=0), 0).close()
print("made")
"""


def test_a_pool_in_a_process_that_compiled_scenes_leaves_the_asset_cache_alone() -> None:
    """MuJoCo ends with a segmentation fault when a used cache is limited."""
    done = subprocess.run(
        code_command(LATE), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.splitlines() == ["made"], done.stderr
