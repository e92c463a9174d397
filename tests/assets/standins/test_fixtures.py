"""The fixtures: LIBERO's names, joints and regions; nothing jams; handles can be grasped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from goal_stage import GoalStage

from gridseval.envs.libero_package import package_root

_SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
_SCENES = {"table", "floor", "kitchen_table", "living_room_table", "study_table"}
_FILES = {
    "desk_caddy": "turbosquid_objects/desk_caddy/desk_caddy.xml",
    "flat_stove": "articulated_objects/flat_stove.xml",
    "microwave": "articulated_objects/microwave.xml",
    "white_cabinet": "articulated_objects/white_cabinet.xml",
    "wine_rack": "turbosquid_objects/wine_rack/wine_rack.xml",
    "wooden_cabinet": "articulated_objects/wooden_cabinet.xml",
    "wooden_two_layer_shelf": (
        "turbosquid_objects/wooden_two_layer_shelf/wooden_two_layer_shelf.xml"
    ),
}
_DRAWERS = {f"{level}_level": (-0.16, 0.01, 50.0) for level in ("top", "middle", "bottom")}

# Name: lower end, upper end (m or rad), damping; in the order of the initial states.
_JOINTS = {
    "flat_stove": {"button": (-0.005, 2.1, 1.0)},
    "microwave": {"microjoint": (-2.094, 0.0, 0.5)},
    "white_cabinet": _DRAWERS,
    "wooden_cabinet": _DRAWERS,
}
# Bodies with a handle that points to -y.
_HANDLES = {"wooden_cabinet": "cabinet_middle", "microwave": "microdoorroot"}


def test_the_tasks_use_the_fixtures_that_are_tested() -> None:
    names = set()
    for suite in _SUITES:
        for file in (package_root() / "bddl_files" / suite).glob("*.bddl"):
            listed = re.search(r"\(:fixtures(.*?)\n\s*\)", file.read_text(), re.DOTALL)
            assert listed is not None
            names |= set(re.findall(r" - (\w+)", listed.group(1)))
    assert names - _SCENES == set(_FILES)


@pytest.mark.parametrize("name", _FILES)
def test_joints_are_those_of_the_initial_states(standins: Path, name: str) -> None:
    model = _compiled(standins / _FILES[name])
    found = {
        model.joint(number).name: (*model.jnt_range[number], model.dof_damping[number])
        for number in range(model.njnt)
    }
    assert list(found) == list(_JOINTS.get(name, {}))
    for joint, values in _JOINTS.get(name, {}).items():
        np.testing.assert_allclose(found[joint], values, atol=1e-9)


@pytest.mark.parametrize("name", _FILES)
def test_every_region_that_tasks_speak_of_is_there(standins: Path, name: str) -> None:
    """LIBERO reads place, size, quaternion and colour from the file and knows no defaults."""
    sites = {site.get("name"): site for site in ET.parse(standins / _FILES[name]).iter("site")}
    for region in _regions(name):
        assert {"pos", "size", "quat", "rgba", "type"} <= set(sites[region].keys())


@pytest.mark.parametrize("name", _FILES)
def test_only_what_is_seen_has_colour_and_only_what_is_solid_collides(
    standins: Path, name: str
) -> None:
    model = _compiled(standins / _FILES[name])
    solid = (model.geom_contype | model.geom_conaffinity) != 0
    np.testing.assert_array_equal(solid, model.geom_group == 0)
    assert solid.any()
    assert (~solid).any()


@pytest.fixture(scope="module")
def kitchen(standins: Path) -> Iterator[GoalStage]:
    stage = GoalStage(standins, "libero_goal", "open_the_middle_drawer_of_the_cabinet")
    yield stage
    stage.scene.close()


@pytest.mark.parametrize("level", ["top", "middle", "bottom"])
def test_a_drawer_slides_freely_and_stops_just_behind_its_frame(
    kitchen: GoalStage, level: str
) -> None:
    kitchen.start()
    drawer = f"wooden_cabinet_1_{level}_level"
    for place in np.linspace(-0.16, 0.0, 9):
        kitchen.set_joint(drawer, float(place))
        assert kitchen.contacts_within("wooden_cabinet_1") == 0
    # 1.7 mm on LIBERO's models; goals count as closed what is beyond 0.
    assert kitchen.push(drawer, 10.0, 20) == pytest.approx(0.0017, abs=0.0006)
    # 10 N against a damping of 50 N s/m: 0.2 m/s.
    assert kitchen.push(drawer, -10.0, 10) == pytest.approx(-0.1, abs=0.02)


def test_the_knob_turns_as_fast_as_inertia_and_damping_let_it(kitchen: GoalStage) -> None:
    kitchen.start()
    # 2 Nm on 1 kg m² with 1 Nm s/rad for a second: 2 (1 - (1 - 1/e)) rad.
    assert kitchen.push("flat_stove_1_button", 2.0, 20) == pytest.approx(0.736, abs=0.04)
    assert kitchen.contacts_within("flat_stove_1") == 0


@pytest.mark.parametrize("name", _HANDLES)
def test_handles_fit_into_the_gripper(standins: Path, name: str) -> None:
    """The gripper opens 8 cm; its fingers need room behind the bar."""
    model = _compiled(standins / _FILES[name])
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    boxes = _solid_boxes(model, data, _HANDLES[name])
    front = min(low[1] for low, _ in boxes)
    bar_low, bar_high = next(pair for pair in boxes if pair[0][1] == front)
    assert min((bar_high - bar_low)[[0, 2]]) <= 0.025
    middle = (bar_low + bar_high) / 2
    behind = [
        low[1]
        for low, high in boxes
        if (low[[0, 2]] < middle[[0, 2]]).all()
        and (middle[[0, 2]] < high[[0, 2]]).all()
        and low[1] > bar_low[1]
    ]
    assert min(behind) - bar_high[1] > 0.012


@pytest.mark.development_models
@pytest.mark.parametrize("name", _FILES)
def test_a_fixture_measures_what_the_development_model_measures(
    assets: Path, standins: Path, name: str
) -> None:
    theirs, ours = (_sites(root / _FILES[name]) for root in (assets, standins))
    assert set(theirs) == set(ours)
    for site, values in theirs.items():
        np.testing.assert_allclose(ours[site], values, atol=5e-4, err_msg=site)


def _regions(name: str) -> set[str]:
    """Return the regions of a fixture that goals and initial conditions of the tasks name."""
    found = set()
    for suite in _SUITES:
        for file in (package_root() / "bddl_files" / suite).glob("*.bddl"):
            found |= set(re.findall(rf"\b{name}_1_(\w+(?:region|side))\b", file.read_text()))
    assert found
    return {region for region in found if "init" not in region}


def _compiled(file: Path) -> Any:
    return mujoco.MjModel.from_xml_path(str(file))


def _solid_boxes(model: Any, data: Any, body: str) -> list[tuple[Any, Any]]:
    """Return low and high corners of a body's solid geoms, float64 (3,) each, world axes."""
    boxes = []
    for geom in range(model.ngeom):
        if model.geom_group[geom] == 0 and model.geom_bodyid[geom] == model.body(body).id:
            axes = data.geom_xmat[geom].reshape(3, 3)
            middle = data.geom_xpos[geom] + axes @ model.geom_aabb[geom, :3]
            half = abs(axes) @ model.geom_aabb[geom, 3:]
            boxes.append((middle - half, middle + half))
    return boxes


def _sites(file: Path) -> dict[str, Any]:
    """Return place, half size along the body's axes and direction of the region sites."""
    found = {}
    for site in ET.parse(file).iter("site"):
        if site.get("quat") is not None:
            values = [np.array(site.get(key, "").split(), float) for key in ("pos", "size", "quat")]
            axes = np.empty(9)
            mujoco.mju_quat2Mat(axes, values[2] / np.linalg.norm(values[2]))
            found[str(site.get("name"))] = np.concatenate([values[0], values[1], axes])
    return found
