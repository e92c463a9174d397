"""The plain ``libero`` loop that everyone copies: the reference, which knows nothing of gridseval.

Run as ``plain_loop.py JOBS.json OUT CONFIG ASSETS``: one .npz per job is written to the folder OUT.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

CAMERAS = {"agentview": "agentview_image", "wrist": "robot0_eye_in_hand_image"}


def import_libero(config: Path, assets: Path) -> None:
    """Import ``libero`` with a configuration of its own, so that it asks no question."""
    locations = importlib.util.find_spec("libero").submodule_search_locations
    root = next(Path(p) / "libero" for p in locations if (Path(p) / "libero").is_dir())
    config.mkdir(parents=True, exist_ok=True)
    paths = {
        "benchmark_root": root,
        "bddl_files": root / "bddl_files",
        "init_states": root / "init_files",
        "datasets": root / "datasets",
        "assets": assets,
    }
    text = "".join(f"{key}: {path}\n" for key, path in paths.items())
    (config / "config.yaml").write_text(text, encoding="utf8")
    os.environ["LIBERO_CONFIG_PATH"] = str(config)
    os.environ.setdefault("MUJOCO_GL", "egl")
    import libero.libero

    libero.libero._assets_path_cache = str(assets)


class PlainTask:
    """One task of a suite in ``OffScreenRenderEnv``, seeded once."""

    def __init__(
        self, suite: str, task: int, seed: int, image_px: int = 256, resets: int = 0
    ) -> None:
        import torch
        from libero.libero import get_libero_path
        from libero.libero.benchmark.libero_suite_task_map import libero_task_map
        from libero.libero.envs import OffScreenRenderEnv

        self.name = libero_task_map[suite][task]
        bddl = Path(get_libero_path("bddl_files")) / suite / f"{self.name}.bddl"
        init_states = Path(get_libero_path("init_states")) / suite / f"{self.name}.pruned_init"
        self.init_states = torch.load(init_states, weights_only=False)
        self.env = OffScreenRenderEnv(
            bddl_file_name=str(bddl), camera_heights=image_px, camera_widths=image_px
        )
        for _ in range(resets):
            self.env.reset()
        self.env.seed(seed)

    def start(self, trial: int, settle_steps: int = 10, stored: bool = True) -> Any:
        """Start the next trial, settle, and return the last observation."""
        observation = self.env.reset()
        if stored:
            observation = self.env.set_init_state(self.init_states[trial])
        for _ in range(settle_steps):
            observation, *_ = self.env.step([0, 0, 0, 0, 0, 0, -1])
        return observation


def set_joint(data: Any, joint: str, position: Any) -> None:
    """Set a joint: to a number, a pose, or to ``[other joint, x, y, z]``, a place near another."""
    if isinstance(position, list) and isinstance(position[0], str):
        near = data.get_joint_qpos(position[0])
        position = np.concatenate([near[:3] + position[1:], [1.0, 0.0, 0.0, 0.0]])
    data.set_joint_qpos(joint, position)


class Drawing:
    """Lets robosuite draw, or return black images where nobody compares them (to save time)."""

    def __init__(self) -> None:
        from robosuite.utils.binding_utils import MjSim

        self.always = self.now = False
        original = MjSim.render

        def render(sim: Any, *args: Any, **kwargs: Any) -> Any:
            if self.always or self.now:
                return original(sim, *args, **kwargs)
            return np.zeros((256, 256, 3), dtype=np.uint8)

        MjSim.render = render


def run_job(job: dict[str, Any], drawing: Drawing) -> dict[str, np.ndarray]:
    """Run the trials of a job from 0 on, and return what is compared of those that it names."""
    drawing.always = job["draw_always"]
    per_trial = job["seeding"] == "trial"
    given = job["suite"], job["task"]
    task = PlainTask(*given, job["seed"], job["image_px"])
    arrays: dict[str, np.ndarray] = {"name": np.array(task.name)}
    for trial in job["trials"] if per_trial else range(max(job["trials"]) + 1):
        if per_trial:
            task.env.close()
            task = PlainTask(*given, job["seed"] + trial, job["image_px"], resets=1)
        kept = trial in job["trials"]
        drawing.now = kept and 0 in job["image_steps"]
        observation = task.start(trial, job["settle_steps"], job["starts"] == "stored")
        if kept:
            pokes = job["pokes"].get(str(trial), {})
            for key, value in _trial(task, drawing, job, observation, pokes):
                arrays[f"{trial}/{key}"] = value
    task.env.close()
    return arrays


def _trial(
    task: PlainTask,
    drawing: Drawing,
    job: dict[str, Any],
    observation: Any,
    pokes: dict[str, dict[str, Any]],
) -> Iterator[tuple[str, np.ndarray]]:
    env, image_steps = task.env, job["image_steps"]
    yield "settled", env.get_sim_state()
    yield "body_pos", env.sim.model.body_pos.copy()
    yield "body_quat", env.sim.model.body_quat.copy()
    yield from _seen(observation, 0, image_steps)
    done, states = [], []
    for step, action in enumerate(job["actions"], start=1):
        for joint, position in pokes.get(str(step), {}).items():
            set_joint(env.sim.data, joint, position)
        drawing.now = step in image_steps
        observation, _, success, _ = env.step(action)
        done.append(success)
        states.append(env.get_sim_state())
        yield from _seen(observation, step, image_steps)
    yield "success", np.array(done, dtype=bool)
    yield "states", np.array(states)


def _seen(observation: Any, step: int, image_steps: list[int]) -> Iterator[tuple[str, np.ndarray]]:
    from robosuite.utils.transform_utils import quat2axisangle

    parts = (
        observation["robot0_eef_pos"],
        quat2axisangle(observation["robot0_eef_quat"].copy()),
        observation["robot0_gripper_qpos"],
    )
    yield f"state{step}", np.concatenate(parts).astype(np.float32)
    if step in image_steps:
        for key, camera in CAMERAS.items():
            yield f"{key}{step}", observation[camera][::-1, ::-1].copy()


def main() -> None:
    jobs, out, config, assets = (Path(argument) for argument in sys.argv[1:5])
    import_libero(config, assets)
    drawing = Drawing()
    for label, job in json.loads(jobs.read_text(encoding="utf8")).items():
        np.savez(out / f"{label}.npz", **run_job(job, drawing))
        sys.stdout.write(f"{label}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
