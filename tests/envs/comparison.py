"""Run the same trials in the plain loop (in another process) and in gridseval, and compare them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from plain_loop import set_joint

import gridseval  # noqa: F401

PLAIN_LOOP = Path(__file__).with_name("plain_loop.py")
Arrays = Mapping[str, np.ndarray]
Joints = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """Trials of one task under one action tape.

    Attributes:
        trials: Compared trials; the plain loop also runs those before them.
        actions: The tape, rows of 7 numbers.
        starts: ``"stored"``, or ``"fresh"`` for resets alone, which ``trials`` then number.
        settle_steps: Steps before the first observation.
        image_steps: Steps whose images are compared; 0 is the first observation.
        seeding: ``"task"`` seeds once; ``"trial"`` is LeRobot's: each trial has an environment of
            its own, reset once, then seeded with ``seed + trial`` and reset again.
        draw_always: Whether the plain loop draws every step, as everyone's does, or these only.
        pokes: Per trial and step, what ``set_joint`` sets before the step, by joint.
    """

    suite: str
    task: int
    trials: Sequence[int] = (0, 1)
    actions: list[list[float]] = field(default_factory=list)
    image_steps: Sequence[int] = (0, 8, 16)
    draw_always: bool = False
    seed: int = 7
    seeding: str = "task"
    image_px: int = 256
    starts: str = "stored"
    settle_steps: int = 10
    pokes: Mapping[str, Mapping[str, Joints]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        own = "" if self.seeding == "task" else f"-per-{self.seeding}"
        own += "" if self.starts == "stored" else f"-{self.starts}-{self.settle_steps}"
        return f"{self.suite}-{self.task}-seed{self.seed}{own}"


def tape(steps: int, seed: int) -> list[list[float]]:
    """Return actions held for four steps: all axes, no rotation, no motion, both gripper signs.

    Some exceed [−1, 1], which robosuite clips, and one gripper value is 0.
    """
    random = np.random.default_rng(seed)
    held = random.uniform(-1.2, 1.2, (steps // 4 + 1, 7))
    held[:, 6] = np.where(np.arange(len(held)) % 2 == 0, 1.0, -1.0)
    held[1::3, 3:6] = 0.0
    held[3::5, :6] = 0.0
    actions = np.repeat(held, 4, axis=0)[:steps]
    actions[steps // 2, 6] = 0.0
    return actions.astype(np.float32).astype(float).tolist()


def start_plain_loop(jobs: Sequence[Job], folder: Path, assets: Path) -> subprocess.Popen[bytes]:
    """Start the plain loop on jobs; :func:`finish_plain_loop` waits for it."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = {job.label: asdict(job) for job in jobs}
    (folder / "jobs.json").write_text(json.dumps(listed), encoding="utf8")
    arguments = [folder / "jobs.json", folder, folder / "config", assets]
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, PLAIN_LOOP, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def finish_plain_loop(process: subprocess.Popen[bytes], folder: Path) -> dict[str, Arrays]:
    """Return each job's arrays by the job's label."""
    status = process.wait(timeout=1500)
    assert status == 0, (folder / "log.txt").read_text(encoding="utf8")[-4000:]
    found = {}
    for path in folder.glob("*.npz"):
        with np.load(path) as arrays:
            found[path.stem] = dict(arrays)
    return found


def make(job: Job, assets: Path, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    named = ("seed", "seeding", "image_px", "starts", "settle_steps")
    settings = {name: getattr(job, name) for name in named}
    return gymnasium.make(f"gridseval/{job.suite}-v0", assets=assets, **settings, **kwargs)


def poke(env: gymnasium.Env[Any, Any], joints: Joints) -> None:
    """Set joint positions in gridseval's simulation, as the plain loop does in its own."""
    data = env.unwrapped._running.task.simulation.scene.env.sim.data
    for joint, position in joints.items():
        set_joint(data, joint, position)


def compare_trial(
    env: gymnasium.Env[Any, Any], job: Job, trial: int, reference: Arrays, chunk: int | None = None
) -> None:
    """Run one trial in ``env`` and assert that all of it equals the reference, bit for bit."""
    expected = {
        key.removeprefix(f"{trial}/"): value
        for key, value in reference.items()
        if key.startswith(f"{trial}/")
    }
    where = f"{job.label} trial {trial}"
    observation, info = env.reset(options={"task": job.task, "trial": trial})
    assert info["task_name"] == str(reference["name"])
    model = env.unwrapped._running.task.simulation.scene.model
    assert_same(env.unwrapped.sim_state(), expected["settled"], f"{where}: settled state")
    assert_same(model.body_pos, expected["body_pos"], f"{where}: body_pos")
    assert_same(model.body_quat, expected["body_quat"], f"{where}: body_quat")
    _compare_seen(observation, 0, expected, where)
    pokes = job.pokes.get(str(trial), {})
    step = 0
    while step < len(job.actions):
        poke(env, pokes.get(str(step + 1), {}))
        actions = np.array(job.actions[step : step + (chunk or 1)], dtype=np.float32)
        observation, reward, terminated, truncated, info = env.step(
            actions if chunk else actions[0]
        )
        step = info["steps"]
        assert_same(env.unwrapped.sim_state(), expected["states"][step - 1], f"{where}: {step}")
        assert terminated == info["is_success"] == expected["success"][step - 1]
        assert reward == float(terminated)
        assert not truncated
        _compare_seen(observation, step, expected, where)
        if terminated:
            break
    assert not expected["success"][: step - 1].any(), f"{where}: success was overlooked"


def _compare_seen(observation: Any, step: int, expected: Arrays, where: str) -> None:
    for key in ("state", "agentview", "wrist"):
        if key in observation and f"{key}{step}" in expected:
            assert_same(observation[key], expected[f"{key}{step}"], f"{where}: {key} at {step}")


def assert_same(ours: np.ndarray, theirs: np.ndarray, what: str) -> None:
    """Assert equal shape, type and bits (so −0.0 differs from 0.0, and NaN equals itself)."""
    assert ours.dtype == theirs.dtype, f"{what}: {ours.dtype} instead of {theirs.dtype}"
    assert ours.shape == theirs.shape, f"{what}: {ours.shape} instead of {theirs.shape}"
    if ours.tobytes() != theirs.tobytes():
        unequal = np.abs(ours.astype(float) - theirs.astype(float))
        raise AssertionError(
            f"{what}: {np.count_nonzero(unequal)} of {ours.size} differ, by up to {unequal.max()}"
        )
