"""Every task of the five suites on stand-ins: it compiles, fits its initial states and settles.

LIBERO stores most objects some centimetres above where they come to rest, and some inside the
floor: ``risen_mm.json`` holds, for each task, how far each object rises or falls on LIBERO's own
models (the reduced ones; trial 0, ten settle steps), as measured there.
"""

from __future__ import annotations

import json
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
# From the place where it comes to rest on LIBERO's own models.
_HEIGHT_M = 0.01
# The basket, dropped by 5 cm, is the heaviest blow on LIBERO's own models (23 N, then 0.3 N).
_BLOW_N, _LOAD_N = 30.0, 1.0

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
    libero_risen_m: float
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
    risen_mm = _risen_mm(suite)[load_suite(suite).task(task).index]
    assert risen_mm.keys() == scene.env.objects_dict.keys()
    success = simulation.start(trial=0, seed=7, settle_steps=0)
    blow = 0.0
    for _ in range(_SETTLE_STEPS):
        success = simulation.step(np.array(SETTLE_ACTION)) or success
        blow = max(blow, _greatest_force(model, data))
    found = Settled(
        task=task,
        size=(model.nq, model.nv),
        stored=scene.init_states.shape[1],
        objects=tuple(_rest(scene, name, risen_mm[name]) for name in risen_mm),
        blow_n=blow,
        load_n=_greatest_force(model, data),
        success=success,
        warnings=simulation.warnings(),
    )
    scene.close()
    return found


def _risen_mm(suite: str) -> list[dict[str, int]]:
    table = Path(__file__).with_name("risen_mm.json").read_text(encoding="utf8")
    return list(json.loads(table)[suite])


def _rest(scene: Scene, name: str, libero_risen_mm: int) -> Rest:
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
        libero_risen_m=libero_risen_mm / 1000,
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
        if abs(rest.risen_m - rest.libero_risen_m) > _HEIGHT_M or rest.speed_m_s > _SPEED_M_S:
            found.append(f"rests elsewhere, or not: {rest}")
    return [f"{settled.task}: {complaint}" for complaint in found]
