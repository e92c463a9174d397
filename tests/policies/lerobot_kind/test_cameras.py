"""Which camera an image feature is, told by names; no LeRobot is needed."""

from __future__ import annotations

import pytest

from gridseval.errors import PolicyError
from gridseval.policies.lerobot_kind.cameras import find_cameras

A, W = "agentview", "wrist"


def long(name: str) -> str:
    return f"observation.images.{name}"


def told(
    names: str, renamed: dict[str, str] | None = None, given: str | None = None
) -> dict[str, str | None]:
    """Return short feature name to camera, ``None`` for unfilled ones."""
    features = tuple(long(name) for name in names.split())
    old_to_new = {long(old): long(new) for old, new in (renamed or {}).items()}
    found = find_cameras(features, old_to_new, given)
    assert {*found.cameras, *found.unfilled} == set(features)
    assert found.sources.keys() == found.cameras.keys()
    return {name: found.cameras.get(long(name)) for name in names.split()}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("image image2", (A, W)),
        ("image image2 empty_camera_0", (A, W, None)),
        ("empty_camera_0 image image2 empty_camera_1", (None, A, W, None)),
        ("image wrist_image", (A, W)),
        ("camera1 camera2 camera3", (A, W, None)),
        ("camera3 camera2 camera1", (None, W, A)),
        ("camera1 camera2", (A, W)),
        ("base_0_rgb left_wrist_0_rgb right_wrist_0_rgb", (A, W, None)),
        ("base_0_rgb left_wrist_0_rgb empty_camera_0", (A, W, None)),
        ("base_0_rgb base_1_rgb wrist_0_rgb", (A, None, W)),
        ("image image2 image3", (A, W, None)),
        ("image", (A,)),
        ("image2", (W,)),
        ("front wrist", (A, W)),
        ("top", (A,)),
        ("agentview robot0_eye_in_hand", (A, W)),
        ("agentview_image robot0_eye_in_hand_image", (A, W)),
        ("agentview_rgb eye_in_hand_rgb", (A, W)),
        ("agentView eyeInHand", (A, W)),
        ("third_person_image wrist_image", (A, W)),
        ("exterior_image_1_left wrist_image_left", (A, W)),
        ("cam_high cam_left_wrist cam_right_wrist", (A, W, None)),
        ("rgb_static rgb_gripper", (A, W)),
        ("image_primary image_wrist", (A, W)),
        ("camera1 wrist", (A, W)),
        ("wrist", (W,)),
    ],
)
def test_names_that_leave_no_doubt_tell(names: str, expected: tuple[str | None, ...]) -> None:
    assert tuple(told(names).values()) == expected


@pytest.mark.parametrize(
    "names",
    [
        *("camera2", "camera1", "image3", "right_wrist_0_rgb", "empty_camera_0", "laptop phone"),
        *("camera2 wrist", "camera2 front", "image camera2", "camera0 camera1", "image_0 image_1"),
        *("front side", "left right", "image front", "wrist hand_camera", "phone handheld"),
        *("base_0_rgb right_wrist_0_rgb", "cam_high cam_low cam_left_wrist", "desktop stopper"),
        *("image image2 wrist_image", "camera1 camera3", "pixels", "observation"),
    ],
)
def test_names_in_doubt_are_refused_with_the_argument_that_tells(names: str) -> None:
    with pytest.raises(PolicyError, match="cannot tell which cameras") as caught:
        told(names)
    assert caught.value.exit_code == 4
    assert f"--policy-arg cameras={names.split()[0]}=" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("names", "proposed"),
    [
        ("camera2", "camera2=agentview|wrist"),
        ("camera1 empty_camera_0", "camera1=agentview|wrist"),
        ("empty_camera_0 camera2 empty_camera_1", "camera2=agentview|wrist"),
        ("camera2 wrist", "camera2=agentview|none,wrist=wrist"),
        ("image camera2", "image=agentview,camera2=wrist|none"),
        ("image front", "image=agentview|wrist|none,front=agentview|wrist|none"),
        ("image front phone wrist", "image={0},front={0},phone={0},wrist=wrist"),
        ("cam_high cam_low cam_left_wrist", "cam_high=agentview,cam_low=none,cam_left_wrist=wrist"),
        ("laptop phone", "laptop=agentview|wrist|none,phone=agentview|wrist|none"),
    ],
)
def test_the_argument_proposes_nothing_that_is_in_doubt(names: str, proposed: str) -> None:
    with pytest.raises(PolicyError) as caught:
        told(names)
    expected = proposed.format("agentview|none")
    assert (caught.value.hint or "").endswith(f"--policy-arg cameras={expected}")


@pytest.mark.parametrize(
    ("names", "renamed", "expected"),
    [
        ("camera1 camera2 camera3", {"image": "camera1", "image2": "camera2"}, (A, W, None)),
        ("camera1 camera2 camera3", {"image": "camera2", "image2": "camera1"}, (W, A, None)),
        ("main_view second_view", {"image": "main_view", "image2": "second_view"}, (A, W)),
        ("camera2", {"image": "camera2"}, (A,)),
        ("camera2", {"wrist_image": "camera2"}, (W,)),
        ("image image2", {"image": "image2", "image2": "image"}, (W, A)),
        ("base_0_rgb left_wrist_0_rgb", {"cam_a": "base_0_rgb", "x": "left_wrist_0_rgb"}, (A, W)),
        ("image image2", {"image": "elsewhere"}, (None, W)),
        ("image image2", {"front": "nowhere"}, (A, W)),
    ],
)
def test_what_a_feature_was_called_in_its_data_tells_more(
    names: str, renamed: dict[str, str], expected: tuple[str | None, ...]
) -> None:
    assert tuple(told(names, renamed).values()) == expected


def test_a_batch_brings_a_feature_under_the_name_that_is_renamed_to_it() -> None:
    names = tuple(long(name) for name in ("camera1", "camera2", "camera3"))
    renamed = {long("image"): names[0], long("image2"): names[1], "observation.state": "x"}
    found = find_cameras(names, renamed, None)
    assert found.sources == {names[0]: long("image"), names[1]: long("image2")}
    assert found.described() == (
        "camera1 is agentview (renamed from image); camera2 is wrist (renamed from image2); "
        "unfilled: camera3"
    )


def test_numbers_that_a_rename_contradicts_are_refused() -> None:
    with pytest.raises(PolicyError, match="in doubt: camera1"):
        told("camera1 camera2", {"cam2": "camera1"})


def test_the_users_word_goes_first() -> None:
    assert told("a b", given="a=wrist,b=agentview") == {"a": W, "b": A}
    assert told("a b c", given="observation.images.a=agentview,b=none") == {
        "a": A,
        "b": None,
        "c": None,
    }
    assert told("image image2", given="image=wrist,image2=agentview") == {"image": W, "image2": A}
    assert told("a", {"old": "a"}, given="old=wrist") == {"a": W}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("imag=wrist", "no image feature 'imag'"),
        ("image=front", "'front' is neither agentview, wrist nor none"),
        ("image=wrist,image2=wrist", "cannot tell"),
        ("image=none", "cannot tell"),
        ("image", "'' is neither"),
    ],
)
def test_a_word_that_does_not_fit_is_refused(given: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        told("image image2", given=given)


def test_a_single_image_has_a_name_of_its_own_in_lerobot() -> None:
    assert find_cameras(("observation.image",), {}, None).cameras == {"observation.image": A}


def test_a_policy_may_be_blind() -> None:
    assert find_cameras((), {}, None).cameras == {}
