"""Which command lines a sweep makes of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridseval.errors import UsageError
from gridseval.sweeping import expand


def lines(*words: str) -> list[list[str]]:
    return [list(point.words) for point in expand(words)[1]]


def test_a_list_makes_a_run_per_value() -> None:
    axes, points = expand(["--suite", "s", "--delay", "0,4,16", "--tasks", "0,3-5"])
    assert [(axis.name, axis.option, axis.values) for axis in axes] == [
        ("delay", "--delay", ("0", "4", "16"))
    ]
    assert [point.words for point in points] == [
        ("--suite", "s", "--delay", value, "--tasks", "0,3-5") for value in ("0", "4", "16")
    ]
    assert [point.folder for point in points] == ["delay=0", "delay=4", "delay=16"]


def test_options_that_name_what_they_set() -> None:
    assert lines("--policy-arg", "pruner=fastv", "--policy-arg", "k=1,16") == [
        ["--policy-arg", "pruner=fastv", "--policy-arg", "k=1"],
        ["--policy-arg", "pruner=fastv", "--policy-arg", "k=16"],
    ]
    axes, points = expand(["--perturb", "camera:0..2", "--perturb", "light:azimuth=1,tilt=2"])
    assert axes[0].name == "camera"
    assert [point.words[:-2] for point in points] == [
        (),
        ("--perturb", "camera:1"),
        ("--perturb", "camera:2"),
    ]
    assert all(point.words[-1] == "light:azimuth=1,tilt=2" for point in points)


def test_the_equals_sign_is_another_way_to_write_it() -> None:
    assert lines("--delay=0,4") == [["--delay", "0"], ["--delay", "4"]]
    assert lines("--policy-arg=k=1,2") == [["--policy-arg", "k=1"], ["--policy-arg", "k=2"]]


def test_several_lists_make_every_combination() -> None:
    axes, points = expand(["--ckpt", "a/x,b/y", "--delay", "0..2"])
    assert [axis.name for axis in axes] == ["ckpt", "delay"]
    assert [point.values for point in points] == [
        (ckpt, delay) for ckpt in ("a/x", "b/y") for delay in ("0", "1", "2")
    ]
    assert points[0].folder == "ckpt=a_x+delay=0"
    assert len({point.folder for point in points}) == 6


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--delay", "3"], "nothing is swept"),
        ([], "nothing is swept"),
        (["--delay", "0:4"], "nothing is swept"),
        (["--tasks", "0,1"], "nothing is swept"),
        (["--delay", "1,1"], "twice"),
        (["--delay", "1,,2"], "empty value"),
        (["--delay", "5..2"], "backwards"),
        (["--delay", "0..99999"], "too long"),
        (["--delay", "0..99", "--replan", "1..99"], "points"),
    ],
)
def test_wrong_sweeps_are_refused(words: list[str], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        expand(words)


@given(
    st.lists(
        st.sampled_from(["--delay", "--perturb", "--policy-arg", "--ckpt", "--tasks"])
        | st.text("0123456789,.:=-k camera", max_size=12),
        max_size=6,
    )
)
def test_any_words_are_points_or_a_usage_error(words: list[str]) -> None:
    try:
        axes, points = expand(words)
    except UsageError:
        return
    assert len(points) >= 2
    assert all(len(point.values) == len(axes) for point in points)
    assert all("/" not in point.folder and len(point.folder) <= 255 for point in points)
