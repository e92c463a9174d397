"""What only LIBERO-Plus's unpacked assets bring, with small files in their place."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gridseval.envs.libero_env import LiberoEnv
from gridseval.errors import MachineError, UsageError
from gridseval.suites import PlusFolder, Task, scene_stem
from gridseval.suites.scene_names import ADDED_KINDS

pytestmark = [pytest.mark.libero_plus, pytest.mark.development_models]

# An added object's file as upstream's: the body lies one level higher than in LIBERO's.
BOX = """<mujoco model="box"><worldbody><body name="object">
  <geom name="g" type="box" size=".02 .02 .03" density="300" group="0" rgba="1 0 0 1"/>
  <geom name="v" type="box" size=".02 .02 .03" group="1" conaffinity="0" contype="0"/>
  <site name="bottom_site" pos="0 0 -.03" rgba="0 0 0 0"/>
  <site name="top_site" pos="0 0 .03" rgba="0 0 0 0"/>
  <site name="horizontal_radius_site" pos=".02 .02 0" rgba="0 0 0 0"/>
</body></worldbody></mujoco>"""

LIGHTS = """<mujoco><worldbody>
  <light name="light1" diffuse=".1 .2 .3" dir="0 1 -1" specular=".4 .5 .6" castshadow="true"/>
  <light name="light2" diffuse=".7 .8 .9" specular=".0 .1 .2" dir="0 0 -2" castshadow="false"/>
</worldbody></mujoco>"""


def kind_of(env: LiberoEnv, kind: str) -> Task:
    return next(task for task in env.suite.tasks if task.variant.kind == kind)


@pytest.fixture(scope="module")
def folder(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("unpacked")
    data = Path(os.environ["GRIDSEVAL_LIBERO_PLUS"])
    for part in ("bddl_files", "init_files"):
        (root / part).symlink_to(data / part)
    (root / "assets" / "scenes" / "lights").mkdir(parents=True)
    (root / "assets" / "textures").symlink_to(assets / "textures")
    for kind in ADDED_KINDS:
        sort, _, number = kind.partition("__")
        for place in range(int(number or 1)):
            path = root / "assets" / "new_objects" / sort / f"id{place}" / "usd" / "MJCF"
            path.mkdir(parents=True, exist_ok=True)
            (path / f"id{place}.xml").write_text(BOX)
    return root


@pytest.fixture(scope="module")
def env(assets: Path, folder: Path) -> Iterator[LiberoEnv]:
    bare = LiberoEnv("libero_plus_goal", assets=assets, observations=("state",))
    scenes = folder / "assets" / "scenes"
    (scenes / "lights" / f"{scene_stem(kind_of(bare, 'light').variant)}.xml").write_text(LIGHTS)
    plain = (assets / "scenes" / "libero_tabletop_base_style.xml").read_text()
    here = plain.replace('file="', f'file="{assets / "scenes"}/')
    table = re.sub(r"scenes/\.\./textures/martin_novak_wood_table", "textures/rustic_floor", here)
    assert table != here
    for kind in ("table", "tb"):
        (scenes / f"{scene_stem(kind_of(bare, kind).variant)}.xml").write_text(table)
    made = LiberoEnv(
        "libero_plus_goal",
        assets=assets,
        libero_plus=folder,
        observations=("state",),
        render_mode="rgb_array",
    )
    yield made
    made.close()
    bare.close()


def test_lights_are_those_of_the_scene_file(env: LiberoEnv) -> None:
    light = kind_of(env, "light")
    base = next(
        t
        for t in env.suite.tasks
        if t.variant.kind == "init" and t.variant.base == light.variant.base
    )
    env.reset(options={"task": base.name})
    model, nominal = env._running.task.simulation.scene.model, env.render()
    before = model.light_diffuse.copy(), model.light_castshadow.copy()
    env.reset(options={"task": light.name})
    assert env._running.task.simulation.scene.model is model  # not compiled again
    assert model.light("light1").diffuse.tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert model.light("light2").specular.tolist() == pytest.approx([0.0, 0.1, 0.2])
    assert model.light("light1").dir.tolist() == pytest.approx([0, 0.5**0.5, -(0.5**0.5)])
    assert model.light("light1").castshadow[0]
    assert not model.light("light2").castshadow[0]
    assert (env.render() != nominal).mean() > 0.3
    env.reset(options={"task": base.name})
    assert (model.light_diffuse == before[0]).all()
    assert (model.light_castshadow == before[1]).all()
    assert (env.render() == nominal).all()


def test_a_table_of_the_scene_file_is_shown(env: LiberoEnv) -> None:
    table = kind_of(env, "table")
    base = next(
        t
        for t in env.suite.tasks
        if t.variant.kind == "init" and t.variant.base == table.variant.base
    )
    env.reset(options={"task": base.name})
    nominal = env.render()[:, :256].astype(int)
    env.reset(options={"task": table.name})
    changed = np.abs(env.render()[:, :256].astype(int) - nominal).max(axis=2) > 30
    assert 0.2 < changed.mean() < 0.95


def test_a_wall_is_shown_beside_the_table_of_the_scene_file(env: LiberoEnv) -> None:
    pictures = {}
    for kind in ("table", "tb"):
        env.reset(options={"task": kind_of(env, kind).name})
        # The wall is behind the arm, at the top; left and right of it nothing else is.
        pictures[kind] = env.render()[:60, :70].astype(int)
    assert "+" in kind_of(env, "tb").variant.scene
    assert (np.abs(pictures["tb"] - pictures["table"]).max(axis=2) > 8).mean() > 0.8


def test_added_objects_stand_where_the_stored_state_puts_them(env: LiberoEnv, folder: Path) -> None:
    task = kind_of(env, "add")
    env.reset(options={"task": task.name})
    scene = env._running.task.simulation.scene
    things = scene.env.objects_dict.items()
    named = [name for name, thing in things if thing.category_name in ADDED_KINDS]
    assert named
    stored = scene.init_states[0]
    for name in named:
        joint = scene.model.joint(f"{name}_joint0")
        start = stored[1 + joint.qposadr[0] :][:2]
        now = scene.data.qpos[joint.qposadr[0] :][:2]
        assert np.abs(now - start).max() < 0.1, name
    from libero.libero.envs.base_object import OBJECTS_DICT

    assert not ADDED_KINDS & set(OBJECTS_DICT)  # nothing is left behind
    assert PlusFolder.find(folder).object_file("boxed_ink_cartridge__3") is not None


def test_a_broken_scene_file_is_told(env: LiberoEnv, folder: Path) -> None:
    light = kind_of(env, "light")
    path = folder / "assets" / "scenes" / "lights" / f"{scene_stem(light.variant)}.xml"
    whole = path.read_text()
    path.write_text(whole[:60])
    try:
        with pytest.raises(MachineError, match=r"is no scene.*gridseval assets pull libero-plus"):
            env.reset(options={"task": light.name})
    finally:
        path.write_text(whole)


def test_what_is_not_unpacked_is_refused(env: LiberoEnv) -> None:
    tasks = [task for task in env.suite.tasks if task.variant.kind == "light"]
    with pytest.raises(UsageError, match=r"not available here: assets/scenes/lights/tabletop_"):
        env.reset(options={"task": tasks[-1].name})
    with pytest.raises(UsageError, match=r"did you mean 'put_the_bowl"):
        env.reset(options={"task": "put_the_bowl_on_the_stove_ligth_3"})
