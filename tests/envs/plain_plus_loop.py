"""LIBERO-Plus's order of events, rewritten on plain ``libero``: it knows nothing of gridseval.

Upstream names the perturbation in the task: it builds the base task with a robot whose reset pose
differs, or with another camera pose, seeds, resets, sets the stored state and settles.

Run as ``plain_plus_loop.py JOBS.json OUT CONFIG ASSETS``: one .npz per job is written to OUT.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from plain_loop import CAMERAS, Drawing, import_libero

CENTRE = np.array([0.0, 0.0, 0.8])
FLOOR_QUAT = (0.6182166934013367, 0.3432307541370392, 0.3432314395904541, 0.6182177066802979)
TABLE_QUAT = (0.6380177736282349, 0.3048497438430786, 0.30484986305236816, 0.6380177736282349)
NOMINAL = {
    "Libero_Tabletop_Manipulation": ((0.6586131746834771, 0.0, 1.6103500240372423), TABLE_QUAT),
    "Libero_Kitchen_Tabletop_Manipulation": (
        (0.6586131746834771, 0.0, 1.6103500240372423),
        TABLE_QUAT,
    ),
    "Libero_Study_Tabletop_Manipulation": (
        (0.4586131746834771, 0.0, 1.6103500240372423),
        TABLE_QUAT,
    ),
    "Libero_Floor_Manipulation": ((0.8965773716836134, 5.216182733499864e-07, 0.65), FLOOR_QUAT),
    "Libero_Living_Room_Tabletop_Manipulation": ((0.6065773716836134, 0.0, 0.96), FLOOR_QUAT),
}


def to_four(values: Any) -> np.ndarray:
    """Round as upstream does, with Python's function: numpy's differs by 1e-4 near a half."""
    return np.array([round(float(value), 4) for value in values])


def camera(problem: str, numbers: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return position and quaternion (w x y z) of the agent camera, by the published formulas."""
    from scipy.spatial.transform import Rotation

    h, v, s, r, e = numbers
    position, nominal = (np.array(values) for values in NOMINAL[problem])
    view = Rotation.from_quat(np.roll(nominal, -1))

    def rounded(turned: Any) -> Any:
        return Rotation.from_quat(to_four(turned.as_quat()))

    if v != 0:
        tilt = Rotation.from_rotvec([0, -np.deg2rad(v), 0])
        position = to_four(CENTRE + tilt.apply(position - CENTRE))
        view = rounded(tilt * view)
    spin = Rotation.from_rotvec([0, 0, np.deg2rad(h)])
    position, view = to_four(spin.apply(position)), rounded(spin * view)
    if s != 100:
        position = to_four(CENTRE + (position - CENTRE) * (s / 100))
    if r != 0:
        view = rounded(Rotation.from_rotvec([0, 0, np.deg2rad(r)]) * view)
    if e != 0:
        view = rounded(Rotation.from_rotvec([0, -np.deg2rad(e), 0]) * view)
    return position, to_four(np.roll(view.as_quat(), 1))


def reset_pose(number: int) -> np.ndarray:
    """Return the joint angles of initial state K; K = 0 is LIBERO's.

    By the published formula, to the eight decimals that upstream's source has.
    """
    nominal = np.array([0, -1.61037389e-01, 0.0, -2.44459747e00, 0.0, 2.22675220e00, np.pi / 4])
    if number == 0:
        return nominal
    random = np.random.RandomState(42)
    for _ in range(number):
        direction = random.randn(7)
    norm = 0.1 * ((number - 1) // 100 + 1)
    exact = nominal + norm * (direction / np.linalg.norm(direction))
    return np.array([round(angle, 8) for angle in exact.tolist()])


class PlusTask:
    """One task of LIBERO-Plus in ``OffScreenRenderEnv``, seeded once."""

    def __init__(self, job: dict[str, Any]) -> None:
        import torch
        from libero.libero import get_libero_path
        from libero.libero.envs import OffScreenRenderEnv
        from libero.libero.envs.robots import MountedPanda, OnTheGroundPanda

        name, suite = job["name"], job["suite"]
        base = re.sub(r"_view_.*|_(table|tb|light)_\d+$", "", name)
        root = Path(get_libero_path("bddl_files")), Path(get_libero_path("init_states"))
        bddl, states = root[0] / suite / f"{base}.bddl", root[1] / suite / f"{base}.pruned_init"
        if re.search(r"_level\d+_sample\d+$", name):
            data = Path(job["data"])
            bddl = data / "bddl_files" / suite / f"{name}.bddl"
            states = data / "init_files" / "libero_newobj" / suite / f"{name}.pruned_init"
        stored = np.asarray(torch.load(states, weights_only=False))
        self.state = stored if stored.ndim == 1 else stored[0]
        view = re.search(r"_view_(\d+)_(\d+)_(\d+)_(\d+)_(\d+)_initstate_(\d+)", name)
        numbers = tuple(map(int, view.groups())) if view else (0, 0, 100, 0, 0, 0)
        for robot in (MountedPanda, OnTheGroundPanda):
            robot.init_qpos = property(lambda _: reset_pose(numbers[5]))
        self._place_camera(numbers[:5])
        with self._styled(*job["styles"]) if job["styles"] else contextlib.nullcontext():
            self.env = OffScreenRenderEnv(
                bddl_file_name=str(bddl), camera_heights=256, camera_widths=256
            )
        self.env.seed(job["seed"])

    def _place_camera(self, numbers: tuple[int, ...]) -> None:
        from libero.libero.envs import TASK_MAPPING

        for name in NOMINAL:
            problem = TASK_MAPPING[name.lower()]
            original = getattr(problem, "_plain", problem._setup_camera)
            problem._plain = original

            def setup(env: Any, arena: Any, original: Any = original, name: str = name) -> None:
                original(env, arena)
                position, quaternion = camera(name, numbers)
                arena.set_camera("agentview", pos=list(position), quat=list(quaternion))

            problem._setup_camera = setup

    @contextlib.contextmanager
    def _styled(self, floor: str, wall: str) -> Iterator[None]:
        """Let libero_object's arena know two more textures, and show them."""
        from libero.libero.envs import TASK_MAPPING
        from libero.libero.envs.arenas.style import FLOOR_STYLE, WALL_STYLE

        FLOOR_STYLE["asked"], WALL_STYLE["asked"] = floor, wall
        problem = TASK_MAPPING["libero_floor_manipulation"]
        construct = problem.__init__

        def styled(env: Any, *args: Any, **kwargs: Any) -> None:
            kwargs["scene_properties"] = {"floor_style": "asked", "wall_style": "asked"}
            construct(env, *args, **kwargs)

        problem.__init__ = styled
        yield
        problem.__init__ = construct

    def run(self, actions: list[list[float]], drawing: Drawing) -> dict[str, np.ndarray]:
        """Return the states from the stored one on, and the first image that a policy sees."""
        self.env.reset()
        observation = self.env.set_init_state(self.state)
        states = [self.env.get_sim_state()]
        for step in range(10):
            drawing.now = step == 9
            observation, *_ = self.env.step([0, 0, 0, 0, 0, 0, -1])
        drawing.now = False
        states.append(self.env.get_sim_state())
        images = {key: observation[name][::-1, ::-1].copy() for key, name in CAMERAS.items()}
        for action in actions:
            self.env.step(action)
            states.append(self.env.get_sim_state())
        model = self.env.sim.model
        placed = {"body_pos": model.body_pos.copy(), "body_quat": model.body_quat.copy()}
        return {"states": np.array(states), **images, **placed}


def main() -> None:
    jobs, out, config, assets = (Path(argument) for argument in sys.argv[1:5])
    import_libero(config, assets)
    drawing = Drawing()
    for label, job in json.loads(jobs.read_text(encoding="utf8")).items():
        task = PlusTask(job)
        np.savez(out / f"{label}.npz", **task.run(job["actions"], drawing))
        task.env.close()
        sys.stdout.write(f"{label}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
