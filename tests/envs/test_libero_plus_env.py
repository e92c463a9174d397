"""Tasks of LIBERO-Plus against upstream's order of events on plain ``libero``, bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from comparison import Arrays, assert_same, finish_plain_loop, tape
from plain_plus_loop import NOMINAL, camera, reset_pose

from gridseval.envs import scene_cache
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.perturbations import camera_pose
from gridseval.suites import DIMENSIONS, Suite, Task, load_suite

pytestmark = [pytest.mark.libero_plus, pytest.mark.slow]

SUITES = ("spatial", "object", "goal", "10")
SEED = 0
TAPE = tape(6, 5)
STYLES = ("brown_ceramic_tile.png", "dark_blue_wall.png")

PROBLEMS = dict(zip(SUITES, ("Tabletop", "Floor", "Tabletop", "Living_Room_Tabletop"), strict=True))

# One or two tasks of each sort that decides states or arenas; the rest of the names is the base's.
WANTED = {
    "spatial": ("_view_0_0_100_2_352_", "initstate_42", "_level1_"),
    "object": ("_view_11_15_100_", "initstate_4", "_level5_"),
    "goal": ("_view_0_0_119_0_0_", "initstate_2", "_moved_level3_"),
    "10": ("_view_3", "initstate_3", "_level2_"),
}


@cache
def suite_of(name: str) -> Suite:
    return load_suite(f"libero_plus_{name}")


@cache
def compared(name: str) -> tuple[Task, ...]:
    """Return a suite's tasks that are compared in full; arm and camera ones have equal bases."""
    tasks = suite_of(name).tasks
    view, start, layout = WANTED[name]
    seen = next(task for task in tasks if view in task.name and task.variant.kind == "view")
    arm = next(
        task
        for task in tasks
        if task.variant.kind == "init"
        and start in task.name
        and task.variant.base == seen.variant.base
    )
    laid = next(task for task in tasks if layout in task.name)
    own = [task for task in tasks if task.variant.scene == "brown_ceramic+dark_blue"]
    return (seen, arm, laid, *own)


def data() -> str:
    return os.environ["GRIDSEVAL_LIBERO_PLUS"]


def start(names: tuple[str, ...], folder: Path, assets: Path) -> subprocess.Popen[bytes]:
    jobs = {
        f"{name}-{task.index}": {
            "suite": f"libero_{name}",
            "name": task.name,
            "data": data(),
            "styles": STYLES if task.variant.scene else None,
            "seed": SEED,
            "actions": TAPE,
        }
        for name in names
        for task in compared(name)
    }
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf8")
    program = Path(__file__).with_name("plain_plus_loop.py")
    command = [sys.executable, program, folder / "jobs.json", folder, folder / "config", assets]
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


@pytest.fixture(scope="module")
def references(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Arrays]:
    folders = [tmp_path_factory.mktemp("plus") for _ in range(2)]
    halves = (SUITES[:2], SUITES[2:])
    started = [start(names, f, assets) for names, f in zip(halves, folders, strict=True)]
    found: dict[str, Arrays] = {}
    for process, folder in zip(started, folders, strict=True):
        found |= finish_plain_loop(process, folder)
    return found


@pytest.fixture(scope="module", params=SUITES)
def env(request: pytest.FixtureRequest, assets: Path) -> Iterator[LiberoEnv]:
    """Return an environment of one suite after the other; tests share it and its models."""
    made = LiberoEnv(
        f"libero_plus_{request.param}",
        assets=assets,
        libero_plus=data(),
        seed=SEED,
        observations=("state",),
        render_mode="rgb_array",  # draws only what is asked for
    )
    yield made
    made.close()


def name_of(env: LiberoEnv) -> str:
    return env.suite.name.removeprefix("libero_plus_")


def test_tasks_equal_upstreams_order_of_events(
    env: LiberoEnv, references: dict[str, Arrays]
) -> None:
    for task in compared(name_of(env)):
        expected = references[f"{name_of(env)}-{task.index}"]
        _, info = env.reset(options={"task": task.name})
        model = env._running.task.simulation.scene.model
        assert info["task_name"] == task.name
        assert_same(env.sim_state(), expected["states"][1], f"{task.name}: settled")
        assert_same(model.body_pos, expected["body_pos"], f"{task.name}: body_pos")
        assert_same(model.body_quat, expected["body_quat"], f"{task.name}: body_quat")
        for key, image in images(env).items():
            assert_same(image, expected[key], f"{task.name}: {key}")
        for step, action in enumerate(TAPE, start=2):
            env.step(np.array(action, np.float32))
            assert_same(env.sim_state(), expected["states"][step], f"{task.name}: {step}")


def images(env: LiberoEnv) -> dict[str, np.ndarray]:
    shown = env.render()
    return {"agentview": shown[:, :256].copy(), "wrist": shown[:, 256:].copy()}


def walked(name: str) -> list[Task]:
    """Return a task or two of each dimension and level that share the compared tasks' models."""
    shared = ("camera", "robot", "noise", "language")
    bases = {compared(name)[0].variant.base}
    strata: dict[tuple[str, int | None], list[Task]] = {}
    for task in suite_of(name).tasks:
        variant = task.variant
        if variant.dimension in shared and variant.base in bases:
            strata.setdefault((variant.dimension, variant.level), []).append(task)
    sample = [group[0] for group in strata.values()]
    more = [group[-1] for key, group in strata.items() if key[0] in ("camera", "robot")]
    return list(dict.fromkeys([*sample, *more, *compared(name)]))


def test_the_walk_is_over_a_hundred_tasks_of_all_strata() -> None:
    tasks = [(name, task) for name in SUITES for task in walked(name)]
    strata = {(name, task.variant.dimension, task.variant.level) for name, task in tasks}
    assert len(tasks) >= 100
    assert len(strata) >= 70
    assert {dimension for _, dimension, _ in strata} == set(DIMENSIONS) - {"light"}


def test_tasks_start_as_their_names_say(env: LiberoEnv, references: dict[str, Arrays]) -> None:
    seen = compared(name_of(env))[0]
    problem = f"Libero_{PROBLEMS[name_of(env)]}_Manipulation"
    assert seen.variant.base.startswith("LIVING") == (name_of(env) == "10")
    settled = references[f"{name_of(env)}-{seen.index}"]["states"][1]
    for task in walked(name_of(env)):
        variant = task.variant
        observation, info = env.reset(options={"task": task.index})
        assert info["task_name"] == task.name
        assert observation["instruction"] == env.suite.tasks[task.index].instruction
        assert env.observation_space.contains(observation)
        if variant.dimension in ("camera", "noise", "language"):
            assert_same(env.sim_state(), settled, task.name)
        elif variant.dimension == "robot":
            moved = np.abs(env.sim_state() - settled)[1:8].max()
            assert 1e-4 < moved < 0.6, task.name  # pulled back, but not all the way
        if variant.kind == "view":
            placed = env._running.task.simulation.scene.model.camera("agentview")
            position, quaternion = camera(problem, variant.parameters)
            assert np.abs(placed.pos - position).max() < 1e-9
            unit = quaternion / np.linalg.norm(quaternion)
            assert abs(abs(placed.quat @ unit) - 1) < 1e-9


@pytest.mark.parametrize("kind", ["tabletop", "kitchen", "study", "floor", "living_room"])
def test_camera_formula_in_every_scene(kind: str) -> None:
    problem = next(p for p in NOMINAL if p.lower().startswith(f"libero_{kind}_"))
    for numbers in ((0, 0, 100, 0, 0), (301, 15, 100, 0, 0), (0, 0, 187, 0, 0), (0, 0, 100, 8, 4)):
        pose = camera_pose(kind, *numbers)
        position, quaternion = camera(problem, numbers)
        assert np.abs(np.array(pose.position) - position).max() < 1e-4
        assert abs(abs(np.array(pose.quaternion) @ quaternion) - 1) < 1e-3


def test_sensor_noise_is_on_one_camera_and_repeats(env: LiberoEnv) -> None:
    base = compared(name_of(env))[0].variant.base
    tasks = [task for task in env.suite.tasks if task.variant.base == base]
    noisy = next(task for task in tasks if task.variant.kind == "noise")
    start = next(task for task in tasks if task.variant.kind == "language")
    shown = []
    for task in (start, noisy, noisy):
        env.reset(options={"task": task.index})
        shown.append(images(env))
    clean, one, again = shown
    assert (one["wrist"] == clean["wrist"]).all()
    assert (one["agentview"] != clean["agentview"]).any()
    assert (again["agentview"] == one["agentview"]).all()
    env.step(np.array([0, 0, 0, 0, 0, 0, -1], np.float32))
    assert (images(env)["agentview"] != one["agentview"]).any()
    env.reset(seed=SEED + 1, options={"task": noisy.index})
    assert (images(env)["agentview"] != one["agentview"]).any()
    env.reset(seed=SEED)


def test_the_frame_of_the_stored_state_has_no_noise(assets: Path) -> None:
    env = LiberoEnv("libero_plus_goal", assets=assets, libero_plus=data(), settle_steps=0)
    noisy = next(t for t in env.suite.tasks if t.variant.kind == "noise")
    first, _ = env.reset(options={"task": noisy.index})
    upright = next(
        t
        for t in env.suite.tasks
        if t.variant.kind == "init" and t.variant.base == noisy.variant.base
    )
    clean, _ = env.reset(options={"task": upright.index})
    assert (first["agentview"] == clean["agentview"]).all()
    env.close()


def test_perturbed_start_really_starts_there(assets: Path) -> None:
    settings = {"assets": assets, "observations": ("state",), "settle_steps": 0}
    env = LiberoEnv("libero_plus_goal", perturbed_start=True, **settings)
    plain = LiberoEnv("libero_plus_goal", **settings)
    tasks = (t for t in env.suite.tasks if t.variant.kind == "init")
    task = next(t for t in tasks if t.variant.parameters > (400,))
    env.reset(options={"task": task.index})
    plain.reset(options={"task": task.index})
    assert np.allclose(env.sim_state()[1:8], reset_pose(task.variant.parameters[0]), atol=1e-12)
    assert np.abs(plain.sim_state()[1:8] - env.sim_state()[1:8]).max() > 0.05
    env.close()
    plain.close()


def test_switching_compiles_only_what_changed(
    assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    class Counted(scene_cache.Scene):
        def __init__(self, files: object) -> None:
            compiled.append(files)
            super().__init__(files)

    monkeypatch.setattr(scene_cache, "Scene", Counted)
    env = LiberoEnv(
        "libero_plus_goal",
        assets=assets,
        libero_plus=data(),
        max_scenes=1,
        observations=("state",),
    )
    base = env.suite.tasks[0].variant.base
    kinds = ("view", "init", "noise", "language", "view", "init")
    for kind in kinds:
        tasks = [t for t in env.suite.tasks if t.variant.kind == kind and t.variant.base == base]
        for task in (tasks[0], tasks[-1]):
            env.reset(options={"task": task.index})
    assert len(compiled) == 1
    nominal = camera("Libero_Tabletop_Manipulation", (0, 0, 100, 0, 0))[0]
    model = env._running.task.simulation.scene.model
    assert np.abs(model.camera("agentview").pos - nominal).max() < 1e-9  # the last moved no camera
    env.close()
