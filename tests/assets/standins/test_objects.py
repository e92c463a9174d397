"""The movable objects: complete, sized and weighted like LIBERO's, hollow where it matters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from PIL import Image

from gridseval.envs.libero_package import package_root

_SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
_FOLDERS = ("stable_hope_objects", "stable_scanned_objects", "turbosquid_objects")
_SITES = ("bottom_site", "top_site", "horizontal_radius_site")

# Bodies whose own y axis points up when they stand, as the scanned packages were filed.
_LYING = {
    "alphabet_soup", "ketchup", "milk", "new_salad_dressing", "orange_juice", "salad_dressing",
    "tomato_sauce",
}  # fmt: skip

# How wide the opening is and how deep at least (m).
_HOLLOW = {
    "akita_black_bowl": (0.036, 0.034),
    "basket": (0.058, 0.1),
    "chefmate_8_frypan": (0.065, 0.025),
    "glazed_rim_porcelain_ramekin": (0.03, 0.03),
    "plate": (0.035, 0.005),
    "porcelain_mug": (0.035, 0.08),
    "red_coffee_mug": (0.033, 0.1),
    "white_bowl": (0.028, 0.022),
    "white_yellow_mug": (0.033, 0.08),
    "wooden_tray": (0.07, 0.03),
}


def _used() -> list[str]:
    """Return the categories that the tasks of the five suites name as objects."""
    names = set()
    for suite in _SUITES:
        for file in (package_root() / "bddl_files" / suite).glob("*.bddl"):
            listed = re.search(r"\(:objects(.*?)\n\s*\)", file.read_text(), re.DOTALL)
            assert listed is not None
            names |= set(re.findall(r" - (\w+)", listed.group(1)))
    return sorted(names)


_USED = _used()


def test_the_tasks_use_the_objects_that_are_tested() -> None:
    assert len(_USED) == 26
    assert set(_HOLLOW) < set(_USED)
    assert set(_LYING) < set(_USED)


@pytest.mark.parametrize("name", _USED)
def test_every_object_has_the_parts_that_the_loader_asks_for(standins: Path, name: str) -> None:
    model = mujoco.MjModel.from_xml_path(str(_file(standins, name)))
    sites = {model.site(number).name for number in range(model.nsite)}
    regions = {"contain_region"} if name in {"basket", "wooden_tray"} else set()
    assert sites == {*_SITES, *regions}
    assert model.body("object").id > 0
    assert model.njnt == 0, "robosuite adds the free joint"
    assert {0, 1} == set(model.geom_group), "what collides and what is seen"
    seen = model.geom_group == 1
    assert not model.geom_contype[seen].any()
    assert not model.geom_conaffinity[seen].any()


@pytest.mark.parametrize("name", _USED)
def test_every_object_stands_still_where_it_is_put(standins: Path, name: str) -> None:
    """Dropped from 2 mm it comes to rest at once, upright, and stays there."""
    model, data = _on_floor(_file(standins, name), name)
    start = data.qpos.copy()
    mujoco.mj_step(model, data, nstep=500)
    rest = data.qpos.copy()
    mujoco.mj_step(model, data, nstep=500)
    assert np.abs(rest[:3] - start[:3]).max() < 0.004
    assert 2 * np.arccos(min(1.0, abs(float(rest[3:] @ start[3:])))) < np.radians(2)
    assert np.abs(data.qpos[:3] - rest[:3]).max() < 0.0005
    assert data.warning.number.sum() == 0


@pytest.mark.parametrize("name", sorted(_HOLLOW))
def test_hollow_things_are_hollow_for_what_falls_into_them(standins: Path, name: str) -> None:
    """Rays from above meet the bottom all over the opening, deep below the highest edge."""
    radius, depth = _HOLLOW[name]
    model, data = _on_floor(_file(standins, name), name)
    middle = data.xpos[1] + _opening(name)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)

    def heights(reaches: Any) -> list[float]:
        spokes = [(r * np.cos(angle), r * np.sin(angle), 1.0) for r in reaches for angle in angles]
        return [_height_below(model, data, middle + spoke) for spoke in spokes]

    inside, edge = heights((0.0, radius / 2, radius)), max(heights(np.linspace(radius, 0.12, 40)))
    assert max(inside) < edge - depth
    # A dish has a floor: nothing falls through. The tray has gaps between its boards.
    assert name == "wooden_tray" or min(inside) > 0.0005


@pytest.mark.parametrize("name", _USED)
def test_every_object_has_a_picture_of_its_own(standins: Path, name: str) -> None:
    with Image.open(_file(standins, name).parent / "texture.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1
    twins = {"new_salad_dressing": "salad_dressing", "salad_dressing": "new_salad_dressing"}
    others = [other for other in _USED if other not in {name, twins.get(name)}]
    data = (_file(standins, name).parent / "texture.png").read_bytes()
    assert all(
        (_file(standins, other).parent / "texture.png").read_bytes() != data for other in others
    )


@pytest.mark.development_models
@pytest.mark.parametrize("name", _USED)
def test_every_object_measures_what_the_development_model_measures(
    assets: Path, standins: Path, name: str
) -> None:
    theirs, ours = _measure(_file(assets, name)), _measure(_file(standins, name))
    assert ours["mass"] == pytest.approx(theirs["mass"], rel=0.1)
    np.testing.assert_allclose(ours["center"], theirs["center"], atol=0.002)
    np.testing.assert_allclose(ours["solid"], theirs["solid"], atol=0.007)
    np.testing.assert_allclose(ours["sites"], theirs["sites"], atol=1e-4)
    for region in ("contain_region",):
        assert (region in ours["names"]) == (region in theirs["names"])


def _file(root: Path, name: str) -> Path:
    found = [root / folder / name / f"{name}.xml" for folder in _FOLDERS]
    return next(path for path in found if path.is_file())


def _opening(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return where the middle of the opening is, in the body's frame (m)."""
    places = {
        "porcelain_mug": (0.0165, -0.0015, 0.0),
        "red_coffee_mug": (-0.0165, -0.001, 0.0),
        "white_yellow_mug": (-0.018, -0.001, 0.0),
        "chefmate_8_frypan": (0.0075, 0.0, 0.0),
        "wooden_tray": (0.007, -0.005, 0.0),
        "basket": (0.0015, 0.0, 0.0),
    }
    return np.array(places.get(name, (0.0, 0.0, 0.0)))


def _on_floor(file: Path, name: str) -> tuple[Any, Any]:
    """Return an object, upright, 2 mm above a floor, with a free joint and LIBERO's contacts."""
    spec = mujoco.MjSpec.from_file(str(file))
    spec.compiler.inertiagrouprange = [0, 0]
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 20
    body = spec.worldbody.first_body()
    body.add_freejoint()
    floor = spec.worldbody.add_geom()
    floor.name, floor.type, floor.size = "floor", mujoco.mjtGeom.mjGEOM_PLANE, [1, 1, 0.1]
    model = spec.compile()
    data = mujoco.MjData(model)
    if name in _LYING:
        data.qpos[3:7] = (0.5, 0.5, 0.5, 0.5)
    mujoco.mj_forward(model, data)
    low, _ = _bounds(model, data)
    data.qpos[2] -= low[2] - 0.002
    mujoco.mj_forward(model, data)
    return model, data


def _height_below(model: Any, data: Any, place: Any) -> float:
    hit = np.zeros(1, dtype=np.int32)
    model.geom_rgba[:, 3] = 1.0  # rays pass what cannot be seen
    groups = np.array([1, 0, 0, 0, 0, 0], dtype=np.uint8)
    down = np.array([0.0, 0.0, -1.0])
    distance = mujoco.mj_ray(
        model, data, np.asarray(place, dtype=np.float64), down, groups, 1, -1, hit
    )
    return float(place[2] - distance)


def _bounds(model: Any, data: Any) -> tuple[Any, Any]:
    """Return the corners of the box around all colliding boxes (m)."""
    boxes = (model.geom_group == 0) & (model.geom_type == mujoco.mjtGeom.mjGEOM_BOX)
    reach = np.einsum("gij,gj->gi", np.abs(data.geom_xmat.reshape(-1, 3, 3)), model.geom_size)
    low, high = data.geom_xpos - reach, data.geom_xpos + reach
    return low[boxes].min(axis=0), high[boxes].max(axis=0)


def _measure(file: Path) -> dict[str, Any]:
    """Return mass, centre of mass, extent and sites as they are in LIBERO's scenes."""
    spec = mujoco.MjSpec.from_file(str(file))
    # As robosuite's base model says: only what collides has mass.
    spec.compiler.inertiagrouprange = [0, 0]
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    body = model.body("object").id
    origin = data.xpos[body]
    names = [model.site(number).name for number in range(model.nsite)]
    return {
        "mass": float(model.body_subtreemass[body]),
        "center": data.subtree_com[body] - origin,
        "solid": np.array(_bounds(model, data)) - origin,
        "sites": [data.site(name).xpos for name in _SITES],
        "names": names,
    }
