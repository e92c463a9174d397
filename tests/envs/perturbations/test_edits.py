"""Edits of a compiled model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from gridseval.envs.perturbations import (
    NOMINAL_POSES,
    NOTHING,
    BackgroundEdit,
    CameraMove,
    Light,
    LightEdit,
    ModelEditor,
    Perturbation,
    Surface,
    camera_pose,
)
from gridseval.envs.perturbations.plan import parse_plan
from gridseval.errors import UsageError

ARENA = """
<mujoco>
  <asset>
    <texture name="tex-floor" type="2d" builtin="flat" rgb1=".1 .2 .3" width="32" height="32"/>
    <material name="floorplane" texture="tex-floor"/>
    <texture name="tex-wall" type="2d" builtin="flat" rgb1=".4 .5 .6" width="16" height="16"/>
    <material name="walls_mat" texture="tex-wall"/>
    <texture name="tex-desk" type="cube" builtin="flat" rgb1=".7 .8 .9" width="16" height="96"/>
    <material name="desk" texture="tex-desk" rgba=".5 .5 .5 1"/>
    <material name="table_legs" rgba=".3 .3 .3 1"/>
    <texture name="other" type="2d" builtin="checker" rgb1="1 0 0" width="8" height="8"/>
    <material name="thing" texture="other"/>
  </asset>
  <worldbody>
    <light name="light0" diffuse=".1 .1 .1"/>
    <light name="light1" diffuse=".8 .8 .8" dir="0 -.15 -1" pos="1 1 4" specular=".3 .3 .3" castshadow="false"/>
    <light name="light2" diffuse=".8 .8 .8" dir="0 -.15 -1" pos="-3 -3 4" specular=".3 .3 .3" castshadow="false"/>
    <camera name="wrist" pos="1 2 3"/>
    <camera name="agentview" pos="{position}" quat="{quaternion}"/>
    <geom type="box" size="1 1 1" material="desk"/>
    <geom type="plane" size="1 1 1" material="floorplane"/>
    <geom type="box" size="1 1 1" material="walls_mat"/>
    <geom type="box" size="1 1 1" material="thing"/>
    <geom type="box" size="1 1 1" material="table_legs"/>
  </worldbody>
</mujoco>
"""  # noqa: E501

ARRAYS = (
    *("cam_pos", "cam_quat", "light_diffuse", "light_specular", "light_dir", "light_castshadow"),
    *("mat_rgba", "tex_data"),
)


def build(kind: str = "kitchen") -> Any:
    pose = NOMINAL_POSES[kind]
    texts = [" ".join(map(repr, part)) for part in pose]
    return mujoco.MjModel.from_xml_string(ARENA.format(position=texts[0], quaternion=texts[1]))


def values(model: Any) -> dict[str, Any]:
    return {name: getattr(model, name).copy() for name in ARRAYS}


def assert_equal(model: Any, expected: dict[str, Any], besides: tuple[str, ...] = ()) -> None:
    for name in set(ARRAYS) - set(besides):
        assert (getattr(model, name) == expected[name]).all(), name


def texels(model: Any, name: str) -> Any:
    texture = model.texture(name)
    start, shape = texture.adr[0], (texture.height[0], texture.width[0], texture.nchannel[0])
    return model.tex_data[start : start + np.prod(shape)].reshape(shape)


@pytest.mark.parametrize("kind", NOMINAL_POSES)
def test_a_camera_gets_upstreams_pose(kind: str) -> None:
    model = build(kind)
    before = values(model)
    move = CameraMove(285, 15, 130, 4, -6, rounded=True)
    assert ModelEditor(model).apply(Perturbation(camera=move)) == ()
    camera = model.camera("agentview").id
    pose = camera_pose(kind, 285, 15, 130, 4, -6)
    assert tuple(model.cam_pos[camera]) == pose.position
    unit = np.array(pose.quaternion) / np.linalg.norm(pose.quaternion)
    np.testing.assert_allclose(model.cam_quat[camera], unit, atol=1e-12)
    assert_equal(model, before, besides=("cam_pos", "cam_quat"))
    wrist = model.camera("wrist").id
    assert (model.cam_pos[wrist] == before["cam_pos"][wrist]).all()


def test_lights_change_and_the_others_stay() -> None:
    model = build()
    before = values(model)
    light = Light("light2", (0.1, 0.2, 0.3), (0.5, 0.5, 0.5), (0, 3, -4), castshadow=True)
    ModelEditor(model).apply(Perturbation(light=LightEdit((light, Light("light1")))))
    changed = model.light("light2").id
    np.testing.assert_allclose(model.light_diffuse[changed], (0.1, 0.2, 0.3), rtol=1e-6)
    np.testing.assert_allclose(model.light_specular[changed], 0.5)
    np.testing.assert_allclose(model.light_dir[changed], (0, 0.6, -0.8))
    assert model.light_castshadow[changed]
    for name in ("light_diffuse", "light_specular", "light_dir", "light_castshadow"):
        others = [index for index in range(model.nlight) if index != changed]
        assert (getattr(model, name)[others] == before[name][others]).all()


def test_surfaces_are_painted() -> None:
    model = build()
    before = values(model)
    white, black = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
    edit = BackgroundEdit(
        (
            Surface("floor", "checker", (white, black), 2),
            Surface("table", "plain", ((1.0, 0.5, 0.0), black)),
        )
    )
    changed = ModelEditor(model).apply(Perturbation(background=edit))
    assert changed == (model.texture("tex-floor").id, model.texture("tex-desk").id)
    floor = texels(model, "tex-floor")
    assert (floor[:8, :8] == 255).all()
    assert (floor[:8, 8:16] == 0).all()
    assert (floor[8:16, 8:16] == 255).all()
    assert floor.mean() == 127.5
    assert (texels(model, "tex-desk") == (255, 128, 0)).all()
    assert (model.mat_rgba[model.material("desk").id] == 1).all()
    np.testing.assert_allclose(model.mat_rgba[model.material("table_legs").id], (1, 0.5, 0, 1))
    for name in ("tex-wall", "other"):
        start = model.texture(name).adr[0]
        part = slice(start, start + texels(model, name).size)
        assert (model.tex_data[part] == before["tex_data"][part]).all()


@pytest.mark.parametrize("pattern", ["stripes", "checker", "speckle"])
def test_patterns_show_both_colours(pattern: Any) -> None:
    model = build()
    surface = Surface("wall", pattern, ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)), 4)
    ModelEditor(model).apply(Perturbation(background=BackgroundEdit((surface,))))
    assert 0.2 < texels(model, "tex-wall").mean() / 255 < 0.8


def test_each_perturbation_starts_from_the_compiled_model() -> None:
    fresh = values(build())
    one, editor = build(), None
    editor = ModelEditor(one)
    plans = [["background:5", "light:3"], ["camera:5"], ["background:2"], ["noise:3"], []]
    for number, texts in enumerate(plans):
        perturbation = parse_plan(texts).draw(7, "libero_10", 0, number).perturbation
        editor.apply(perturbation)
        other = build()
        ModelEditor(other).apply(perturbation)
        assert_equal(one, values(other))
    assert_equal(one, fresh)


def test_textures_are_reported_when_they_return_to_normal() -> None:
    model = build()
    editor = ModelEditor(model)
    perturbation = (
        parse_plan(["background:part=wall,colour=102030"]).draw(0, "s", 0, 0).perturbation
    )
    wall = (model.texture("tex-wall").id,)
    assert editor.apply(perturbation) == wall
    assert editor.apply(perturbation) == ()
    assert editor.apply(NOTHING) == wall
    assert editor.apply(NOTHING) == ()


def test_a_perturbation_can_be_stored() -> None:
    perturbation = Perturbation(
        camera=CameraMove(1, 2, 110, 3, 4, rounded=True),
        joints=(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
        joints_true=True,
        light=LightEdit((Light("light1", castshadow=True),)),
        background=BackgroundEdit((Surface("wall", "plain", ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))),)),
        noise=7,
    )
    assert Perturbation.from_json(perturbation.to_json()) == perturbation
    assert NOTHING.to_json() == {}
    assert Perturbation.from_json({}) == NOTHING
    with pytest.raises(UsageError, match="camra"):
        Perturbation.from_json({"camra": {}})


@pytest.mark.parametrize(
    ("arena", "table"),
    [
        ("tabletop", "table_texture"),
        ("kitchen_tabletop", "table_texture"),
        ("living_room_tabletop", "living_room_table"),
        ("study", "desk"),
        ("floor", "floorplane"),
    ],
)
def test_every_arena_has_what_is_edited(arena: str, table: str, assets: Path) -> None:
    model = mujoco.MjModel.from_xml_path(str(assets / "scenes" / f"libero_{arena}_base_style.xml"))
    editor = ModelEditor(model)
    before = values(model)
    perturbation = parse_plan(["background:5", "light:1"]).draw(7, "s", 0, 0).perturbation
    changed = editor.apply(perturbation)
    for name in ("floorplane", "walls_mat", table):
        textures = {each for each in model.mat_texid[model.material(name).id].tolist() if each >= 0}
        assert textures & set(changed), name
    for name in ("light1", "light2"):
        light = model.light(name).id
        assert (model.light_diffuse[light] != before["light_diffuse"][light]).any()
    editor.apply(NOTHING)
    assert_equal(model, before)


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"noise": 51}, "noise 51"),
        ({"joints": [0.0] * 6}, "seven"),
        ({"joints": [math.nan] * 7}, "seven"),
        ({"camera": {"distance": 0}}, "cannot move"),
        ({"camera": {"azimuth": math.inf}}, "cannot move"),
        ({"light": {"lights": [{"name": "light1", "diffuse": [0, 0, math.nan]}]}}, "colour"),
        ({"light": {"lights": [{"name": "light1", "direction": [0, 0, 0]}]}}, "direction"),
        (
            {"background": {"surfaces": [{"part": "wall", "pattern": "plain", "colours": []}]}},
            "two colours",
        ),
        (
            {"background": {"surfaces": [{"part": "roof", "pattern": "plain", "colours": []}]}},
            "roof",
        ),
    ],
)
def test_what_no_scene_can_show_is_refused(wrong: dict[str, Any], names: str) -> None:
    with pytest.raises(UsageError, match=names):
        Perturbation.from_json(wrong)
