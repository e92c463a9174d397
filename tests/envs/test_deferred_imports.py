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
