"""The rooms: what LIBERO looks up in them is there, surfaces have its heights, views look alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from goal_stage import GoalStage
from PIL import Image

from gridseval.envs.libero_package import import_libero
from gridseval.envs.rendering.backend import GLContext, choose_backend
from gridseval.envs.rendering.renderer import SceneRenderer

_SCENES = {
    "libero_coffee_table_base_style": "coffee_table",
    "libero_floor_base_style": "floor",
    "libero_kitchen_tabletop_base_style": "table",
    "libero_living_room_tabletop_base_style": "living_room_table",
    "libero_study_base_style": "study_table",
    "libero_tabletop_base_style": "table",
}
_CAMERAS = ["frontview", "birdview", "agentview", "sideview"]

# One task per room, the height of what things stand on there (m) and at which x, y.
_ROOMS = {
    "table": ("libero_goal", "turn_on_the_stove", 0.9),
    "floor": ("libero_object", "pick_up_the_milk_and_place_it_in_the_basket", 0.0),
    "kitchen": ("libero_90", "KITCHEN_SCENE9_turn_on_the_stove", 0.9),
    "living room": (
        "libero_90",
        "LIVING_ROOM_SCENE5_put_the_red_mug_on_the_left_plate",
        0.4368,
    ),
    "study": (
        "libero_90",
        "STUDY_SCENE1_pick_up_the_yellow_and_white_mug_and_place_it_to_the_right_of_the_caddy",
        0.8851,
    ),
}


@pytest.mark.parametrize("scene", _SCENES)
def test_a_scene_has_what_the_arena_classes_look_up(standins: Path, scene: str) -> None:
    model = mujoco.MjModel.from_xml_path(str(standins / "scenes" / f"{scene}.xml"))
    names = {model.body(number).name for number in range(model.nbody)}
    assert _SCENES[scene] in names
    assert [model.camera(number).name for number in range(model.ncam)] == _CAMERAS
    textures = {model.tex(number).name for number in range(model.ntex)}
    assert {"texplane", "tex-wall"} <= textures
    assert model.geom("floor").type == mujoco.mjtGeom.mjGEOM_PLANE


def test_every_texture_that_the_package_can_name_is_there(standins: Path) -> None:
    import_libero()
    from libero.libero.envs.arenas.style import STYLE_MAPPING
    from libero.libero.envs.textures import TEXTURE_MAPPING

    names = set(TEXTURE_MAPPING.values())
    names |= {name for styles in STYLE_MAPPING.values() for name in styles.values()}
    assert len(names) > 30
    for name in names:
        assert (standins / "textures" / name).is_file()


def test_textures_have_no_seam_where_they_repeat(standins: Path) -> None:
    for file in sorted((standins / "textures").glob("*.png")):
        image = np.asarray(Image.open(file)).astype(float)
        for axis in (0, 1):
            steps = abs(np.diff(image, axis=axis)).mean(axis=(1 - axis, 2))
            first, last = np.take(image, (0, -1), axis=axis).swapaxes(0, axis)
            # A joint between boards may lie there, so it may be as large as the largest step.
            assert abs(first - last).mean() <= 1.2 * steps.max() + 1.0, file.name


@pytest.mark.parametrize("file", ["wall.xml", "serving_region.xml"])
def test_the_loose_models_compile(standins: Path, file: str) -> None:
    assert mujoco.MjModel.from_xml_path(str(standins / file)).nbody > 1


@pytest.fixture(scope="module", params=sorted(_ROOMS))
def room(request: pytest.FixtureRequest, standins: Path) -> Iterator[tuple[str, GoalStage]]:
    suite, task, _ = _ROOMS[request.param]
    stage = GoalStage(standins, suite, task)
    yield request.param, stage
    stage.scene.close()


@pytest.fixture(scope="module")
def context() -> Iterator[GLContext]:
    found = GLContext(choose_backend().backend)
    yield found
    found.close()


def test_things_stand_at_liberos_height(room: tuple[str, GoalStage]) -> None:
    name, stage = room
    # Three places that no fixture covers; the ray sees solid geoms only.
    for x, y in ((0.0, 0.02), (-0.05, 0.4), (0.2, -0.3)):
        assert _height(stage, x, y) == pytest.approx(_ROOMS[name][2], abs=2e-4)


@pytest.mark.development_models
def test_a_room_looks_like_the_development_model(
    room: tuple[str, GoalStage], assets: Path, context: GLContext
) -> None:
    name, stage = room
    suite, task, _ = _ROOMS[name]
    theirs = GoalStage(assets, suite, task)
    for camera in ("agentview", "frontview", "birdview", "sideview"):
        assert _camera(stage, camera) == pytest.approx(_camera(theirs, camera), abs=1e-3)
    images = [_small(stage, context), _small(theirs, context)]
    theirs.scene.close()
    # The development models have hulls in place of the furniture that shows in the upper third.
    ours, others = (image[10:] for image in images)
    assert np.corrcoef(ours.ravel(), others.ravel())[0, 1] > 0.92
    assert abs(ours.mean((0, 1)) - others.mean((0, 1))).max() < 6


def _height(stage: GoalStage, x: float, y: float) -> float:
    """Return the height of the uppermost solid surface at a place (m), things taken away."""
    groups = np.array([1, 1, 0, 0, 0, 0], dtype=np.uint8)
    start, hit = np.array([x, y, 1.0]), np.zeros(1, dtype=np.int32)
    while True:
        distance = mujoco.mj_ray(
            stage.model, stage.data, start, np.array([0.0, 0, -1]), groups, 1, -1, hit
        )
        body = stage.model.body(stage.model.geom_bodyid[hit[0]]).name
        if "table" in body or body in {"world", "floor"}:
            return float(start[2] - distance)
        start[2] -= distance + 1e-4


def _camera(stage: GoalStage, name: str) -> list[float]:
    camera = stage.model.camera(name)
    return [*camera.pos, *camera.quat, *camera.fovy]


def _small(stage: GoalStage, context: GLContext) -> Any:
    """Return what the agent sees, float64 (32, 32, 3) in [0, 255]."""
    renderer = SceneRenderer(stage.scene, context, 128)
    image = renderer.render(stage.view, "agentview")
    renderer.close()
    return image.reshape(32, 4, 32, 4, 3).astype(float).mean((1, 3))
