"""Kinds of perturbation with edits of their own, and the restoring of what they changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import mujoco
import numpy as np
import pytest
from plug_in import write_distribution

from gridseval.envs.perturbations import CameraMove, ModelEditor, Perturbation
from gridseval.envs.perturbations.images import perturbed_image
from gridseval.envs.perturbations.kinds import PERTURBATIONS, Kind, find_kind
from gridseval.envs.perturbations.parameters import Number
from gridseval.envs.perturbations.plan import parse_plan
from gridseval.envs.perturbations.restoring import RestoringEditor
from gridseval.errors import UsageError

MODEL = """
<mujoco>
  <asset>
    <texture name="first" type="2d" builtin="flat" rgb1="1 0 0" width="4" height="4"/>
    <texture name="second" type="2d" builtin="flat" rgb1="0 1 0" width="4" height="4"/>
    <material name="floorplane" texture="second"/>
  </asset>
  <worldbody>
    <camera name="agentview" pos="1 0 1"/>
    <light name="light1"/>
    <body name="cube"><freejoint/><geom name="cube" size="0.1 0.1 0.1" type="box"/></body>
  </worldbody>
</mujoco>
"""


def edit_model(model: Any, data: Any) -> None:
    model.geom_friction[:] *= data["share"]
    model.opt.gravity[2] = -1.0
    model.opt.timestep = 0.5
    model.vis.headlight.ambient[:] = 0.9
    model.cam_pos[0, 0] = -0.0 if model.cam_pos[0, 0] == 0 else 3.0
    model.tex_data[model.tex_adr[1]] ^= 255


def edit_image(image: Any, camera: str, data: Any, rng: np.random.Generator) -> Any:
    return image + np.uint8(rng.integers(1, 200)) if camera == "wrist" else image


SLIPPERY = Kind(
    name="slippery",
    summary="lowers friction",
    parameters=(Number("share", 0, 1, "of the nominal friction"),),
    sample=lambda strength, rng: {"share": round(1 - 0.2 * strength * rng.random(), 4)},
    make=lambda values, rng: {"share": values["share"], "twice": (1, 2)},
    edit_model=edit_model,
    edit_image=edit_image,
)


@pytest.fixture
def slippery(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register a kind, as a program may."""
    module = ModuleType("kind_of_this_test")
    module.KIND = SLIPPERY  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(PERTURBATIONS, "_targets", dict(PERTURBATIONS._targets))
    PERTURBATIONS.register("slippery", "kind_of_this_test:KIND")
    yield


LOOKS = ("global_", "quality", "headlight", "map", "scale", "rgba")


def test_every_part_of_what_a_model_looks_like_is_looked_at() -> None:
    model = mujoco.MjModel.from_xml_string(MODEL)
    assert set(LOOKS) == {name for name in dir(model.vis) if name[0].islower()}


def change_everything(owner: Any) -> int:
    """Change all numbers that can be set of a part of a model; return how many there are."""
    changed = 0
    for name in (name for name in dir(owner) if name[0].islower()):
        value = getattr(owner, name)
        if isinstance(value, (int, float)):
            setattr(owner, name, value + 1)
            changed += 1
        elif isinstance(value, np.ndarray) and value.size:
            value[...] = value + 1
            changed += 1
    return changed


def test_options_statistics_and_looks_are_restored() -> None:
    model = mujoco.MjModel.from_xml_string(MODEL)
    nominal = model_numbers(model)
    counts = []

    def edit(model: Any) -> None:
        parts = (model.opt, model.stat, *(getattr(model.vis, name) for name in LOOKS))
        counts.extend(change_everything(part) for part in parts)

    editor = RestoringEditor(model)
    editor.edit(edit)
    assert all(counts)
    changed = {name for name, value in model_numbers(model).items() if value != nominal[name]}
    assert {"quality.shadowsize", "scale.framewidth", "stat.extent", "rgba.fog"} <= changed
    with editor.undone():
        assert model_numbers(model) == nominal
    assert {n for n, value in model_numbers(model).items() if value != nominal[n]} == changed
    editor.restore()
    assert model_numbers(model) == nominal


def model_numbers(model: Any) -> dict[str, bytes]:
    looks = {f"{name}.": getattr(model.vis, name) for name in LOOKS}
    owners = {"": model, "opt.": model.opt, "stat.": model.stat, **looks}
    return {
        prefix + name: np.asarray(value).tobytes()
        for prefix, owner in owners.items()
        for name in dir(owner)
        if not name.startswith("_")
        and isinstance(value := getattr(owner, name), (np.ndarray, float, int))
    }


@pytest.mark.usefixtures("slippery")
def test_its_draw_is_data_that_the_record_shows() -> None:
    perturbation, record = parse_plan(["slippery:3", "camera:1"]).draw(7, "libero_10", 0, 0)
    share = record["slippery"]["share"]
    assert perturbation.extra == {"slippery": {"share": share, "twice": [1, 2]}}
    assert record["applied"]["extra"] == perturbation.extra
    stored = json.loads(json.dumps(record["applied"]))
    assert Perturbation.from_json(stored) == perturbation
    again = parse_plan(["slippery:3"]).draw(7, "libero_10", 0, 0).perturbation
    assert again.extra == perturbation.extra


@pytest.mark.usefixtures("slippery")
def test_the_next_episode_starts_from_the_nominal_model_to_the_bit() -> None:
    model = mujoco.MjModel.from_xml_string(MODEL)
    nominal = model_numbers(model)
    editor = ModelEditor(model)
    own = parse_plan(["slippery:share=0.5"]).draw(0, "s", 0, 0).perturbation
    both = parse_plan(["slippery:share=0.25", "background:3", "light:2"]).draw(0, "s", 0, 0)
    assert editor.apply(own) == (1,)
    assert model.geom_friction[0, 0] == 0.5
    assert model.opt.gravity[2] == -1.0
    assert {"geom_friction", "opt.timestep", "tex_data"} <= {
        name for name, value in model_numbers(model).items() if value != nominal[name]
    }
    assert editor.apply(own) == (1,), "an edit starts from the nominal model, too"
    assert model.geom_friction[0, 0] == 0.5
    assert 1 in editor.apply(both.perturbation)
    assert model.geom_friction[0, 0] == 0.25
    assert 1 in editor.apply(Perturbation())
    assert model_numbers(model) == nominal
    assert editor.apply(Perturbation()) == ()


def test_an_edit_that_raises_halfway_is_taken_back() -> None:
    model = mujoco.MjModel.from_xml_string(MODEL)
    nominal = model_numbers(model)

    def fail(model: Any) -> None:
        model.geom_size[:] = 7
        raise RuntimeError("half-way")

    editor = RestoringEditor(model)
    with pytest.raises(RuntimeError, match="half-way"):
        editor.edit(fail)
    assert model.geom_size.max() == 7
    editor.restore()
    assert model_numbers(model) == nominal


@pytest.mark.usefixtures("slippery")
def test_an_image_depends_on_episode_and_step_only() -> None:
    own = parse_plan(["slippery:share=0.5"]).draw(0, "s", 0, 0).perturbation
    black = np.zeros((2, 2, 3), np.uint8)

    def shown(camera: str, trial: int, step: int) -> int:
        return int(perturbed_image(black, own, camera, (0, "s", 0, trial), step).max())

    assert shown("agentview", 0, 1) == 0
    assert shown("wrist", 0, 1) == shown("wrist", 0, 1) > 0
    assert len({shown("wrist", trial, step) for trial in (0, 1) for step in (1, 2)}) == 4


def test_a_kind_of_a_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(
        tmp_path,
        "[gridseval.perturbations]\n"
        "brighter = plugged_kinds:KIND\nbroken = no_such_kinds:KIND\nwrong = plugged_kinds:WRONG\n",
    )
    (tmp_path / "plugged_kinds.py").write_text(
        "from dataclasses import replace\n"
        "from gridseval.envs.perturbations.kinds.light import KIND as LIGHT\n"
        "KIND = replace(LIGHT, name='brighter')\nWRONG = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert parse_plan(["brighter:2"]).draw(7, "s", 0, 0).perturbation.light is not None
    assert find_kind("camera").name == "camera"
    with pytest.raises(UsageError, match="cannot import 'no_such_kinds' for perturbation 'broken'"):
        parse_plan(["broken:1"])
    with pytest.raises(UsageError, match=r"plugged_kinds:WRONG is not a perturbation"):
        parse_plan(["wrong:1"])
    loaded, failed = PERTURBATIONS.load_all()
    assert list(loaded)[-1] == "brighter"
    assert set(failed) == {"broken", "wrong"}


def kind(name: str, made: Any, values: Any = (), **more: Any) -> Kind:
    return Kind(name, "a test", (), lambda *_: dict(values), lambda *_: made, **more)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what registers kinds, as a program may."""
    module = ModuleType("kinds_of_this_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(PERTURBATIONS, "_targets", dict(PERTURBATIONS._targets))

    def add(**kinds: Kind) -> None:
        for name, made in kinds.items():
            setattr(module, name, made)
            PERTURBATIONS.register(name, f"{module.__name__}:{name}")

    return add


@pytest.mark.parametrize("order", [("grey", "camera"), ("camera", "grey")])
def test_two_kinds_that_change_the_same_are_refused(
    register: Callable[..., None], order: tuple[str, str]
) -> None:
    register(grey=kind("grey", {"camera": CameraMove(azimuth=3)}))
    plan = parse_plan([f"{name}:1" for name in order])
    with pytest.raises(UsageError, match=f"{order[0]} and {order[1]} both change camera") as caught:
        plan.draw(7, "s", 0, 0)
    assert caught.value.hint == "give one of them"


def test_own_edits_are_applied_in_the_order_of_their_names(register: Callable[..., None]) -> None:
    def edit(step: int) -> Callable[..., Any]:
        return lambda image, *_: image * 2 + np.uint8(step)

    register(a=kind("a", {}, edit_image=edit(1)), b=kind("b", {}, edit_image=edit(0)))
    black = np.zeros((1, 1, 3), np.uint8)
    for texts in (["a:1", "b:1"], ["b:1", "a:1"]):
        drawn = parse_plan(texts).draw(7, "s", 0, 0).perturbation
        assert perturbed_image(black, drawn, "wrist", (0, "s", 0, 0), 1).max() == 2


@pytest.mark.parametrize(
    ("made", "values", "more", "said"),
    [
        ({"x": np.float32(1)}, (), {"edit_image": lambda *_: 1 / 0}, "float32 is not JSON"),
        ({"colour": 3}, (), {}, "unexpected keyword argument 'colour'"),
        ({"noise": 99}, (), {}, "there is no noise 99"),
        ({}, {"x": np.float32(1)}, {}, "float32 is not JSON"),
        (None, (), {}, "NoneType"),
    ],
)
def test_what_a_kind_makes_wrongly_is_told_in_a_line(
    register: Callable[..., None], made: Any, values: Any, more: dict[str, Any], said: str
) -> None:
    register(mine=kind("mine", made, values, **more))
    with pytest.raises(UsageError, match=r"perturbation 'mine' failed") as caught:
        parse_plan(["mine:1"]).draw(7, "s", 0, 0)
    assert said in caught.value.message
    assert "extend/perturbation.md" in str(caught.value.hint)


def test_an_edit_of_images_that_raises_is_named(register: Callable[..., None]) -> None:
    register(mine=kind("mine", {}, edit_image=lambda *_: 1 / 0))
    own = parse_plan(["mine:1"]).draw(7, "s", 0, 0).perturbation
    with pytest.raises(UsageError, match="perturbation 'mine' failed: ZeroDivisionError"):
        perturbed_image(np.zeros((1, 1, 3), np.uint8), own, "wrist", (0, "s", 0, 0), 1)


def test_a_kind_without_parameters_is_asked_for_a_strength(register: Callable[..., None]) -> None:
    register(mine=kind("mine", {}))
    for text in ("mine", "mine:x=3", "mine:big"):
        with pytest.raises(UsageError) as caught:
            parse_plan([text])
        assert "mine:3" in str(caught.value.hint), text


def test_a_kind_says_the_name_that_it_is_registered_by(register: Callable[..., None]) -> None:
    register(mine=kind("other", {}))
    with pytest.raises(UsageError, match=r"perturbation 'mine' .* its name is 'other'"):
        parse_plan(["mine:1"])


@pytest.mark.parametrize("text", ["{}:KIND:3", "{}:KIND", "{}:3", "{}"])
def test_a_file_is_no_name_of_a_kind_and_does_not_run(tmp_path: Path, text: str) -> None:
    file = tmp_path / "zoom.py"
    file.write_text("raise SystemExit('ran')\n")
    for look in (find_kind, lambda each: parse_plan([each])):
        with pytest.raises(UsageError, match="is not the name of a perturbation") as caught:
            look(text.format(file))
        assert "entry point in the group gridseval.perturbations" in str(caught.value.hint)
    with pytest.raises(UsageError, match="is not the name of a perturbation"):
        find_kind("camera:3")


def test_a_plug_in_is_looked_up_once_and_a_file_runs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(
        tmp_path,
        "[gridseval.perturbations]\ndim = dimming:KIND\n",
        "dimming",
    )
    source = (
        "from gridseval.envs.perturbations.kinds import Kind\n"
        "KIND = Kind('{}', 's', (), lambda *_: {{}}, lambda *_: {{}},"
        " edit_image=lambda image, *_: image + 1)\n"
    )
    (tmp_path / "dimming.py").write_text(source.format("dim"))
    (tmp_path / "own.py").write_text(source.format("own"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(PERTURBATIONS, "_targets", dict(PERTURBATIONS._targets))
    PERTURBATIONS.register("own", f"{tmp_path}/own.py:KIND")
    drawn = parse_plan(["dim:1", "own:1"]).draw(7, "s", 0, 0).perturbation
    own = find_kind("own")
    scans: list[Any] = []
    monkeypatch.setattr("gridseval.registry.entry_points", lambda **given: scans.append(given))
    black = np.zeros((1, 1, 3), np.uint8)
    for step in (1, 2):
        assert perturbed_image(black, drawn, "wrist", (0, "s", 0, 0), step).max() == 2
    assert scans == []
    assert find_kind("own") is own
