"""``--perturb``: parsing, and what episodes draw."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridseval.envs.perturbations import NOMINAL_JOINTS, Light, Perturbation, joints
from gridseval.envs.perturbations.kinds import PERTURBATIONS, find_kind
from gridseval.envs.perturbations.plan import PerturbationPlan, parse_plan
from gridseval.envs.perturbations.strengths import BACKGROUND, LIGHT
from gridseval.errors import UsageError

ALL = ("camera", "light", "robot", "noise", "background")


def drawn(text: str, trial: int = 0) -> Perturbation:
    return parse_plan([text]).draw(7, "libero_10", 3, trial).perturbation


def test_parameters_are_applied_as_given() -> None:
    camera = drawn("camera:azimuth=20,elevation=10").camera
    assert camera is not None
    assert (camera.azimuth, camera.elevation, camera.distance) == (20, 10, 100)
    assert (camera.yaw, camera.pitch, camera.rounded) == (0, 0, False)
    assert drawn("noise:number=37").noise == 37
    assert drawn("noise:family=fog,severity=7").noise == 37
    assert drawn("robot:state=300").joints == joints(300)
    light = drawn("light:diffuse=0.5,warmth=1,shadow=1").light
    assert light is not None
    assert [one.name for one in light.lights] == ["light1", "light2", "light_kitchen"]
    assert light.lights[2] == Light("light_kitchen", diffuse=(0.5, 0.5, 0.25))
    assert light.lights[0].diffuse == (0.5, 0.5, 0.25)
    assert light.lights[0].castshadow is True
    assert light.lights[0].specular is None
    background = drawn("background:part=floor,pattern=checker,colour=FF0000,cells=4").background
    assert background is not None
    (surface,) = background.surfaces
    assert (surface.part, surface.pattern, surface.cells) == ("floor", "checker", 4)
    assert surface.colours[0] == (1, 0, 0)


def test_a_light_keeps_libero_where_only_a_part_of_it_is_given() -> None:
    light = drawn("light:heading=-90").light
    assert light is not None
    direction = np.array(light.lights[0].direction)
    nominal = np.array([0, -0.15, -1])
    np.testing.assert_allclose(direction, nominal / np.linalg.norm(nominal), atol=1e-9)
    assert light.lights[0].diffuse is None


@pytest.mark.parametrize("strength", range(1, 6))
def test_strengths_stay_in_their_ranges(strength: int) -> None:
    plan = parse_plan([f"{kind}:{strength}" for kind in ALL])
    for trial in range(60):
        perturbation, record = plan.draw(7, "libero_10", 3, trial)
        camera, light, noise = record["camera"], record["light"], perturbation.noise
        assert 15 * (strength - 1) <= abs(camera["azimuth"]) <= 15 * strength
        assert 0 <= camera["elevation"] <= 3 * strength
        assert 100 <= camera["distance"] <= 100 + 20 * strength
        assert max(abs(camera["yaw"]), abs(camera["pitch"])) <= 2 * strength
        assert noise is not None
        assert (noise - 1) % 10 + 1 in (2 * strength - 1, 2 * strength)
        assert perturbation.joints is not None
        assert not perturbation.joints_true
        deviation = np.array(perturbation.joints) - NOMINAL_JOINTS
        assert np.linalg.norm(deviation) == pytest.approx(0.1 * strength)
        ranges = LIGHT[strength - 1]
        inside = [low <= light["diffuse"] <= high for low, high in (ranges.darker, ranges.brighter)]
        assert any(inside)
        assert ranges.specular[0] <= light["specular"] <= ranges.specular[1]
        assert light["tilt"] <= ranges.tilt_deg
        # With shadows, MuJoCo adds lights up without a cap: bright ones would whiten kitchens.
        assert light["shadow"] in ((0,) if ranges.shadow == 0 or not inside[0] else (0, 1))
        assert perturbation.background is not None
        patterns = {surface.pattern for surface in perturbation.background.surfaces}
        assert patterns <= set(BACKGROUND[strength - 1].patterns)


def test_some_lights_cast_shadows_from_strength_3() -> None:
    for strength, expected in ((2, {0}), (3, {0, 1}), (5, {0, 1})):
        plan = parse_plan([f"light:{strength}"])
        drawn = {
            plan.draw(7, "libero_10", 3, trial).record["light"]["shadow"] for trial in range(40)
        }
        assert drawn == expected


def test_glass_copies_pixels_like_upstreams_unless_asked_to_swap() -> None:
    assert not drawn("noise:number=45").true_swap
    assert not drawn("noise:number=45,swap=upstream").true_swap
    swapping = parse_plan(["noise:family=glass,severity=5,swap=true"]).draw(7, "libero_10", 0, 0)
    assert swapping.perturbation.noise == 45
    assert swapping.perturbation.true_swap
    assert swapping.record["applied"] == {"noise": 45, "true_swap": True}
    with pytest.raises(UsageError, match="swap"):
        parse_plan(["noise:swap=yes"])


def test_all_families_of_noise_are_drawn() -> None:
    plan = parse_plan(["noise:1"])
    numbers = {plan.draw(7, "libero_10", 0, trial).perturbation.noise for trial in range(200)}
    assert numbers == {1, 2, 11, 12, 21, 22, 31, 32, 41, 42}


def test_an_episode_draws_the_same_whatever_else_is_drawn() -> None:
    alone = parse_plan(["camera:3"])
    together = parse_plan(["noise:2", "camera:3", "light:5"])
    reordered = parse_plan(["light:5", "camera:3", "noise:2"])
    first = together.draw(7, "libero_10", 3, 1)
    for trial in (5, 4):
        together.draw(7, "libero_10", 3, trial)
    assert together.draw(7, "libero_10", 3, 1) == first
    assert reordered.draw(7, "libero_10", 3, 1).perturbation == first.perturbation
    assert alone.draw(7, "libero_10", 3, 1).perturbation.camera == first.perturbation.camera


def test_every_part_of_an_episodes_name_counts() -> None:
    plan = parse_plan([f"{kind}:3" for kind in ALL])
    places = [(7, "libero_10", 0, 0), (8, "libero_10", 0, 0), (7, "libero_goal", 0, 0)]
    places += [(7, "libero_10", 1, 0), (7, "libero_10", 0, 1)]
    assert len({plan.draw(*place).perturbation for place in places}) == len(places)


def test_the_record_tells_everything() -> None:
    plan = parse_plan(["camera:2", "perturbed_start:norm=0.25"])
    perturbation, record = plan.draw(7, "libero_10", 3, 0)
    stored = json.loads(json.dumps(record, allow_nan=False))
    assert stored == record
    assert record["camera"]["strength"] == 2
    assert record["perturbed_start"] == {"norm": 0.25}
    assert Perturbation.from_json(stored["applied"]) == perturbation
    assert perturbation.joints_true


def test_a_range_draws_a_strength_in_every_episode() -> None:
    plan = parse_plan(["camera:0-2", "light:3-4"])
    draws = [plan.draw(7, "libero_10", 3, trial) for trial in range(200)]
    strengths = [draw.record["camera"]["strength"] for draw in draws]
    assert {strength: strengths.count(strength) > 40 for strength in strengths} == {
        0: True,
        1: True,
        2: True,
    }
    assert {draw.record["light"]["strength"] for draw in draws} == {3, 4}
    for trial, (draw, strength) in enumerate(zip(draws, strengths, strict=True)):
        if strength == 0:
            assert draw.perturbation.camera is None
            assert draw.record["camera"] == {"strength": 0}
        else:
            alone = parse_plan([f"camera:{strength}"]).draw(7, "libero_10", 3, trial)
            assert draw.perturbation.camera == alone.perturbation.camera
            assert draw.record["camera"] == alone.record["camera"]


def test_kinds_draw_their_strengths_independently() -> None:
    plan = parse_plan(["camera:0-1", "light:0-1"])
    pairs = {
        (draw.record["camera"]["strength"], draw.record["light"]["strength"])
        for draw in (plan.draw(7, "libero_10", 3, trial) for trial in range(60))
    }
    assert pairs == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_an_empty_plan_changes_nothing() -> None:
    assert parse_plan([]).draw(7, "libero_10", 0, 0) == (Perturbation(), {})


def test_a_plan_can_be_given_again() -> None:
    texts = ["camera:azimuth=20,elevation=-3.5", "noise:family=fog", "light:4", "background:0-5"]
    plan = parse_plan(texts)
    again = parse_plan(plan.texts)
    assert again == plan
    assert again.draw(7, "libero_10", 0, 0) == plan.draw(7, "libero_10", 0, 0)


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["camra:3"], ["camra", "'camera'"]),
        (["camera:9"], ["camera", "9", "1 to 5"]),
        (["camera:0"], ["camera", "0", "1 to 5"]),
        (["camera:-1"], ["camera", "-1", "1 to 5"]),
        (["camera:0-6"], ["camera", "6", "1 to 5"]),
        (["camera:4-2"], ["camera", "4-2", "camera:0-2"]),
        (["camera:2-2"], ["camera", "2-2", "camera:2"]),
        (["camera:a-2"], ["camera", "a", "1 to 5"]),
        (["camera:0-2,3"], ["camera", "2,3", "1 to 5"]),
        (["camera"], ["camera", "camera:3"]),
        (["camera:"], ["camera", "camera:3"]),
        (["camera:3.5"], ["3.5", "1 to 5"]),
        (["camera:azimut=3"], ["azimut", "'azimuth'"]),
        (["camera:azimuth=nan"], ["azimuth", "nan", "-180 to 180"]),
        (["camera:azimuth=inf"], ["azimuth", "inf", "-180 to 180"]),
        (["camera:azimuth=1e9"], ["azimuth", "1e9", "-180 to 180"]),
        (["camera:azimuth=left"], ["azimuth", "left", "-180 to 180"]),
        (["camera:azimuth="], ["azimuth", "-180 to 180"]),
        (["camera:azimuth=1,azimuth=2"], ["azimuth", "twice"]),
        (["camera:azimuth=1,"], ["camera", "''"]),
        (["camera:1", "camera:2"], ["camera", "twice"]),
        (["robot:1", "perturbed_start:2"], ["robot", "perturbed_start"]),
        (["robot_true:1", "robot:2"], ["robot", "perturbed_start"]),
        (["robot:state=501"], ["state", "501", "1 to 500"]),
        (["noise:family=fogg"], ["fogg", "'fog'"]),
        (["noise:severity=2.5"], ["severity", "2.5"]),
        (["noise:number=3,severity=2"], ["number", "severity"]),
        (["light:shadow=2"], ["shadow", "0 to 1"]),
        (["background:colour=red"], ["colour", "red", "hexadecimal"]),
        (["background:part=ceiling"], ["ceiling", "table"]),
        ([""], ["''"]),
    ],
)
def test_errors_name_the_thing_and_the_next_step(texts: list[str], names: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse_plan(texts)
    for name in names:
        assert name in str(caught.value)
    assert caught.value.hint


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text(alphabet="camerlightnosbkzu:=,.-+0123456789eé²\n ", max_size=20), max_size=3)
)
def test_any_text_is_a_plan_or_a_usage_error(texts: list[str]) -> None:
    try:
        plan = parse_plan(texts)
    except UsageError as error:
        assert error.hint
    else:
        assert isinstance(plan, PerturbationPlan)
        json.dumps(plan.draw(0, "s", 0, 0).record, allow_nan=False)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_valid_parameter_makes_a_perturbation(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(PERTURBATIONS.names()))
    parameter = data.draw(st.sampled_from(find_kind(kind).parameters))
    value = data.draw(st.one_of(st.floats(), st.integers(-10, 600), st.sampled_from(["0a1B2c"])))
    try:
        plan = parse_plan([f"{kind}:{parameter.name}={value}"])
    except UsageError as error:
        assert parameter.name in str(error)
        return
    perturbation = plan.draw(1, "s", 2, 3).perturbation
    assert perturbation != Perturbation() or parameter.name == "part"
    assert Perturbation.from_json(perturbation.to_json()) == perturbation
    for angle in perturbation.joints or ():
        assert math.isfinite(angle)
