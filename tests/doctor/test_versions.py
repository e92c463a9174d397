from __future__ import annotations

import pytest

from gridseval.errors import MachineError
from gridseval.versions import check_mujoco_version, release_of


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("3.3.2", (3, 3, 2)),
        ("3.4.0", (3, 4)),
        ("3.4.0rc1", (3, 4)),
        ("3.4.0.dev20250101", (3, 4)),
        ("3.3.3a1", (3, 3, 3)),
        ("3.10.0", (3, 10)),
        ("2.13.0+cpu", (2, 13)),
        ("1!2.0.post1", (2,)),
        ("v1.4", (1, 4)),
        ("0", (0,)),
    ],
)
def test_release_numbers(version: str, release: tuple[int, ...]) -> None:
    assert release_of(version) == release


@pytest.mark.parametrize("version", ["", "unknown", "rc1"])
def test_text_without_a_number_is_no_version(version: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        release_of(version)


@pytest.mark.parametrize("version", ["2.3.7", "3.2.3", "3.3.0", "3.3.2"])
def test_faithful_mujoco_passes_silently(version: str) -> None:
    assert check_mujoco_version(version, force=False) is None


@pytest.mark.parametrize("version", ["3.3.3", "3.3.3rc1", "3.3.7"])
def test_mujoco_with_the_darker_floor_is_warned_of(version: str) -> None:
    warning = check_mujoco_version(version, force=False)
    assert warning is not None and version in warning and "floor" in warning


@pytest.mark.parametrize("version", ["3.4.0", "3.4.0.dev1", "3.8.1", "3.9.9"])
def test_mujoco_that_moves_the_bowl_is_refused_unless_forced(version: str) -> None:
    with pytest.raises(MachineError, match="ramekin") as caught:
        check_mujoco_version(version, force=False)
    assert caught.value.hint is not None and "--force" in caught.value.hint
    warning = check_mujoco_version(version, force=True)
    assert warning is not None and "ramekin" in warning


@pytest.mark.parametrize("version", ["3.10.0", "3.11.2", "4.0"])
def test_mujoco_that_cannot_run_libero_is_refused_even_if_forced(version: str) -> None:
    with pytest.raises(MachineError, match="qM"):
        check_mujoco_version(version, force=True)


def test_unreadable_version_is_a_warning() -> None:
    warning = check_mujoco_version("unknown", force=False)
    assert warning is not None and "cannot be read" in warning
