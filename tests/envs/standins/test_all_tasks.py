"""Every task of the five suites on stand-ins: it compiles, fits its initial states and settles."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
import pytest

from gridseval.envs.scene import Scene, TaskFiles
from gridseval.envs.simulation import SETTLE_ACTION, Simulation
from gridseval.suites import load_suite

_SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
_SETTLE_STEPS = 10
# A bowl of two grams trembles on the microwave at 1 cm/s, on LIBERO's own models too.
_SIDEWAYS_M, _TILT_DEG, _SPEED_M_S = 0.02, 3.0, 0.03
# LIBERO stores its objects up to 16 cm above where they come to rest (a bowl on a cookie box), or
# up to 4 cm below (bottles that begin inside the floor).
_FALL_M, _RISE_M = 0.17, 0.045
# The basket, dropped by 5 cm, is the heaviest blow on LIBERO's own models (20 N).
_BLOW_N, _LOAD_N = 40.0, 2.0

# LIBERO's own models push these apart: in some stored states they begin inside each other.
_PUSHED_BY_LIBERO = {
    ("LIVING_ROOM_SCENE2_pick_up_the_tomato_sauce_and_put_it_in_the_basket", "cream_cheese_1"),
    ("LIVING_ROOM_SCENE2_pick_up_the_tomato_sauce_and_put_it_in_the_basket", "orange_juice_1"),
}


class Rest(NamedTuple):
    """How an object lies after settling, relative to its stored pose."""

    name: str
    sideways_m: float
    risen_m: float
    tilt_deg: float
    speed_m_s: float


class Settled(NamedTuple):
    """What the settle steps of one task led to."""

    task: str
    size: tuple[int, int]
    stored: int
    objects: tuple[Rest, ...]
    blow_n: float
    load_n: float
    success: bool
    warnings: int


@pytest.mark.slow
def test_every_task_settles_where_its_initial_state_is(standins: Path) -> None:
    jobs = [
        (suite, range(len(load_suite(suite).tasks))[k::13]) for suite in _SUITES for k in range(13)
    ]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(_settle_tasks, standins, *job) for job in jobs if len(job[1])]
        found = [settled for future in running for settled in future.result()]
    assert len(found) == 130
    complaints = [complaint for settled in found for complaint in _complaints(settled)]
    assert not complaints, "\n".join(complaints)


def _settle_tasks(root: Path, suite: str, indices: Any) -> list[Settled]:
    return [_settle(root, suite, load_suite(suite).task(index).name) for index in indices]


def _settle(root: Path, suite: str, task: str) -> Settled:
    scene = Scene(TaskFiles.of(suite, task, root))
    model, data = scene.model, scene.data
    simulation = Simulation(scene)
    success = simulation.start(trial=0, seed=7, settle_steps=0)
    blow = 0.0
    for _ in range(_SETTLE_STEPS):
        success = simulation.step(np.array(SETTLE_ACTION)) or success
        blow = max(blow, _greatest_force(model, data))
    found = Settled(
        task=task,
        size=(model.nq, model.nv),
        stored=scene.init_states.shape[1],
        objects=tuple(_rest(scene, name) for name in scene.env.objects_dict),
        blow_n=blow,
        load_n=_greatest_force(model, data),
        success=success,
        warnings=simulation.warnings(),
    )
    scene.close()
    return found


def _rest(scene: Scene, name: str) -> Rest:
    model, data = scene.model, scene.data
    body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, f"{name}_main")
    joint = model.body_jntadr[body]
    place, speed = model.jnt_qposadr[joint], model.jnt_dofadr[joint]
    stored = scene.init_states[0][1 + place : 1 + place + 7]
    move = data.xpos[body] - stored[:3]
    alike = min(1.0, abs(float(data.xquat[body] @ stored[3:])))
    return Rest(
        name=name,
        sideways_m=float(np.hypot(*move[:2])),
        risen_m=float(move[2]),
        tilt_deg=float(np.degrees(2 * np.arccos(alike))),
        speed_m_s=float(np.linalg.norm(data.qvel[speed : speed + 3])),
    )


def _greatest_force(model: Any, data: Any) -> float:
    """Return the greatest normal force of all contacts (N)."""
    force, greatest = np.zeros(6), 0.0
    for contact in range(data.ncon):
        mujoco.mj_contactForce(model, data, contact, force)
        greatest = max(greatest, float(force[0]))
    return greatest


def _complaints(settled: Settled) -> list[str]:
    found = []
    if settled.stored != 1 + sum(settled.size):
        found.append(f"{settled.stored} numbers stored for a model of {settled.size}")
    if settled.success:
        found.append("solved before anything was done")
    if settled.warnings:
        found.append(f"{settled.warnings} warnings of MuJoCo")
    if settled.blow_n > _BLOW_N or settled.load_n > _LOAD_N:
        found.append(f"contact forces of {settled.blow_n:.0f}, then {settled.load_n:.1f} N")
    for rest in settled.objects:
        pushed = (settled.task, rest.name) in _PUSHED_BY_LIBERO
        if not pushed and (rest.sideways_m > _SIDEWAYS_M or rest.tilt_deg > _TILT_DEG):
            found.append(f"moved: {rest}")
        if not -_FALL_M < rest.risen_m < _RISE_M or rest.speed_m_s > _SPEED_M_S:
            found.append(f"does not rest: {rest}")
    return [f"{settled.task}: {complaint}" for complaint in found]
