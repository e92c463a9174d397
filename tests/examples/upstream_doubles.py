"""Doubles of simulator and networks, under which upstream's evaluations run."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from scripted import INTERNVLA_STATISTICS, smooth_frame

HERE = Path(__file__).parent
KEPT = 24
TASK = "pick up the Milk and place it in the basket"
STATISTICS = INTERNVLA_STATISTICS["franka"]["action"]
PROPRIO = {"q01": [-1.0] * 8, "q99": [2.0] * 8}


class Enough(BaseException):
    """One episode is over; no evaluation catches this."""


class Env:
    """Stands in for LIBERO's environment: frames and states by the step, actions noted."""

    made: list[Env] = []  # noqa: RUF012 (one per process)

    def __init__(self, **given: Any) -> None:
        self.px, self.seeds, self.executed, self.resets = given["camera_heights"], [], [], 0
        self.made.append(self)

    def seed(self, number: int) -> None:
        self.seeds.append(number)

    def reset(self) -> None:
        self.resets += 1
        if self.resets > 1:
            raise Enough

    def set_init_state(self, state: Any) -> dict[str, Any]:
        return self._observed()

    def step(self, action: list[float]) -> tuple[dict[str, Any], float, bool, dict[str, Any]]:
        self.executed.append([float(value) for value in action])
        return self._observed(), 0.0, False, {}

    def close(self) -> None:
        pass

    def _observed(self) -> dict[str, Any]:
        step = max(len(self.executed) - 10, 0)
        frame = smooth_frame(step, self.px)
        quaternion = np.array([0.1, 0.2, 0.3, 0.9])
        return {
            "agentview_image": frame[::-1, ::-1],
            "robot0_eye_in_hand_image": frame[:, ::-1],
            "robot0_eef_pos": np.array([0.1, 0.2, 0.3]) + 0.01 * step,
            "robot0_eef_quat": quaternion / np.linalg.norm(quaternion),
            "robot0_gripper_qpos": np.array([0.03, -0.03]),
        }


class Doubles(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a double for every module whose name begins with one of these."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if not any(name == it or name.startswith(f"{it}.") for it in self._names):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        double = MagicMock(name=spec.name)
        double.__path__, double.__spec__, double.__name__ = [], spec, spec.name
        return double

    def exec_module(self, module: Any) -> None:
        pass


def doubles(*names: str) -> None:
    sys.meta_path.insert(0, Doubles(*names))


def simulator() -> None:
    """Put doubles in the place of LIBERO and what scripts import for their logs."""
    doubles("libero", "wandb", "draccus", "imageio", "tyro", "matplotlib")
    importlib.import_module("draccus").wrap = lambda: lambda function: function
    task = SimpleNamespace(language=TASK, problem_folder="folder", bddl_file="task.bddl")
    states = np.zeros((50, 1))
    suite = SimpleNamespace(
        n_tasks=1, get_task=lambda number: task, get_task_init_states=lambda number: states
    )
    benchmark = importlib.import_module("libero.libero.benchmark")
    benchmark.get_benchmark_dict = lambda: {"libero_object": lambda: suite}
    importlib.import_module("libero.libero").benchmark = benchmark
    importlib.import_module("libero.libero").get_libero_path = lambda name: "/nowhere"
    importlib.import_module("libero.libero.envs").OffScreenRenderEnv = Env


def check_out(mirrors: Path, repository: str, commit: str, folder: Path, *paths: str) -> None:
    """Write files of a commit below a folder."""
    mirror = mirrors / repository.replace("/", "+") / "repo"
    command = ["git", "-C", str(mirror), "archive", commit, *paths]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")


def thinned(image: Any) -> list[Any]:
    return np.asarray(image)[::8, ::8].tolist()


def told(**more: Any) -> dict[str, Any]:
    """Return what an episode's environment noted, with what a family's doubles did."""
    (env,) = Env.made
    settle = env.executed[:10]
    assert all(action == [0, 0, 0, 0, 0, 0, -1] for action in settle)
    return {
        "env_seeds": env.seeds,
        "image_px": env.px,
        "settle_steps": len(settle),
        "policy_steps": len(env.executed) - 10,
        "executed": env.executed[10 : 10 + KEPT],
        **more,
    }
