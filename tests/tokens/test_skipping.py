"""Which queries need no model, against plain counts and fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.tokens.skipping import ChunkReuse, Regression, angle_between, overlap_of


def trace(*kept: int, count: int = 8) -> TokenTrace:
    """Return a trace of two cameras, tokens numbered over both."""
    chosen = np.zeros(2 * count, dtype=np.bool_)
    chosen[list(kept)] = True
    parts = zip(("agentview", "wrist"), np.split(chosen, 2), strict=True)
    return TokenTrace(tuple(CameraTrace(name, (2, count // 2), kept=part) for name, part in parts))


def action(x: float, y: float = 0.0, z: float = 0.0, gripper: float = -1.0) -> Any:
    return np.array([x, y, z, 0.01, 0.02, 0.03, gripper], np.float32)


def test_angles_and_overlaps() -> None:
    assert angle_between(np.array([1.0, 0]), np.array([0, 2.0])) == pytest.approx(90)
    assert angle_between(np.array([1.0, 0]), np.array([-3.0, 0])) == pytest.approx(180)
    assert angle_between(np.array([1.0, 0]), np.array([1.0, 1e-9])) == pytest.approx(
        np.degrees(1e-9), rel=1e-6
    )
    assert angle_between(np.zeros(2), np.ones(2)) is None
    assert overlap_of(trace(1, 2, 9), trace(1, 9, 3, 4)) == 0.5
    assert overlap_of(trace(1, 9, 3, 4), trace(1, 2, 9)) == pytest.approx(2 / 3)
    points = CameraTrace("agentview", (2, 2), points=np.zeros((1, 2), np.float32))
    assert overlap_of(TokenTrace((points,)), TokenTrace((points,))) == 0


def played(rule: ChunkReuse, first: Any, second: Any, *kept: tuple[int, ...]) -> Any:
    """Return what a slot's third query gets, after chunks of two actions."""
    for actions, tokens in zip((first, second), kept, strict=True):
        assert rule.skip(3) is None
        rule.answer(3, np.stack([action(9.0), actions]), trace(*tokens))
        rule.execute(3, np.stack([actions]))
    return rule.skip(3)


@pytest.mark.parametrize(
    ("first", "second", "kept", "reused"),
    [
        (action(1), action(1, 0.05), ((1, 2, 3, 4), (1, 2, 3, 9)), True),
        (action(1), action(1, 0.2), ((1, 2, 3, 4), (1, 2, 3, 9)), False),  # 11 degrees
        (action(1), action(1), ((1, 2, 3, 4), (1, 2, 8, 9)), False),  # a half
        (action(1), action(1), ((1, 2, 3, 4), (1, 2)), True),  # all of the last ones
        (action(1), action(1, gripper=1), ((1, 2), (1, 2)), False),
        (action(0) * 0, action(0) * 0, ((1, 2), (1, 2)), False),  # no direction
    ],
)
def test_stable_actions_and_tokens_reuse_the_chunk(
    first: Any, second: Any, kept: Any, reused: bool
) -> None:
    rule = ChunkReuse(angle=10, overlap=0.7, most=1)
    found = played(rule, first, second, *kept)
    assert (found is not None) == reused
    if reused:
        assert np.array_equal(found, np.stack([action(9.0), second]))


def test_reuse_has_a_limit_and_an_episode_begins_anew() -> None:
    rule = ChunkReuse(angle=10, overlap=0.7, most=2)
    assert played(rule, action(1), action(1), (1, 2), (1, 2)) is not None
    rule.execute(3, np.stack([action(1)]))
    assert rule.skip(3) is not None
    assert rule.skip(3) is None
    rule.answer(3, np.stack([action(1), action(1)]), trace(1, 2))
    assert rule.skip(3) is not None
    assert rule.skip(4) is None  # another slot
    rule.reset([3])
    assert rule.skip(3) is None
    sleeping = ChunkReuse(angle=10, overlap=0.7, most=1)
    sleeping.active = False
    assert played(sleeping, action(1), action(1), (1, 2), (1, 2)) is None


PATH = [(0.10, 0.3), (0.14, 0.28), (0.17, 0.27), (0.22, 0.25), (0.25, 0.22), (0.31, 0.2)]


def easy(rule: Regression, path: Any = PATH, z: Any = 0.02, chunk: int = 1) -> Any:
    """Return what a query gets after a path's actions, one per query."""
    for number, (x, y) in enumerate(path):
        made = action(x, y, z[number] if isinstance(z, list) else z, gripper=1.0)
        rule.answer(0, np.repeat(made[None], chunk, 0), None)
        rule.execute(0, made[None])
    return rule.skip(0)


def reference_line(path: Any, steps: int) -> Any:
    """Return a ridge regression's next values, by numpy's least squares on more rows."""
    path = np.asarray(path, np.float64)
    design = np.stack([np.arange(len(path)), np.ones(len(path))], 1)
    more = np.concatenate([design, np.sqrt(1e-4) * np.eye(2)])
    weights = np.linalg.lstsq(more, np.concatenate([path, np.zeros((2, path.shape[1]))]))[0]
    times = np.arange(len(path), len(path) + steps)
    return np.stack([times, np.ones(steps)], 1) @ weights


@pytest.mark.parametrize("chunk", [1, 3])
def test_an_easy_step_follows_the_line(chunk: int) -> None:
    found = easy(Regression(1, 0.4, 0.3, 4), chunk=chunk)
    assert found.shape == (chunk, 7)
    path = [(np.float32(x), np.float32(y), np.float32(0.02)) for x, y in PATH]
    assert np.allclose(found[:, :3], reference_line(path, chunk), atol=1e-5)
    assert np.array_equal(found[:, 3:], np.repeat(action(0, gripper=1.0)[None, 3:], chunk, 0))


def test_a_line_is_bounded() -> None:
    jump = [(0.0, 0.0)] * 3 + [(0.6, 0.0), (0.85, 0.0), (0.89, 0.0)]
    found = easy(Regression(1, 0.4, 0.3, 4), jump, z=0.0, chunk=4)
    assert found[:, 0].max() <= np.float32(0.9)
    back = [(0.1 * number, 0.0) for number in range(5)] + [(-0.9, 0.0)]
    found = easy(Regression(1, 0.4, 0.3, 4), back, z=0.0)
    largest = np.abs(np.diff([x for x, _ in back])).max()
    assert abs(found[0, 0] - back[-1][0]) <= largest + 1e-6


@pytest.mark.parametrize(
    ("rule", "z", "length", "skips"),
    [
        ((1, 0.4, 0.3, 4), 0.02, 6, True),
        ((1, 0.4, 0.3, 4), 0.02, 5, False),  # too few actions
        ((1, 0.4, 0.3, 4), 0.2, 6, False),  # 0.2 / 0.31 is over the rate
        ((1, 0.9, 0.3, 4), 0.2, 6, True),
        ((1, 0.9, 0.1, 4), 0.2, 6, False),  # too fast
        ((2, 0.4, 0.3, 4), [0, 0, 0, 0, 0.2, 0.01], 6, False),  # the last but one
        ((1, 0.4, 0.3, 4), [0, 0, 0, 0, 0.2, 0.01], 6, True),
    ],
)
def test_which_steps_are_easy(rule: Any, z: Any, length: int, skips: bool) -> None:
    assert (easy(Regression(*rule), PATH[:length], z) is not None) == skips


def test_fitted_actions_count_against_further_ones() -> None:
    rule = Regression(1, 0.4, 0.3, 4)
    found, skipped = easy(rule), 0
    while found is not None:
        skipped += 1
        rule.execute(0, found)
        found = rule.skip(0)
    assert skipped == 3  # 6, 5 and 4 of the last six were the model's
    assert rule.speed(0) == pytest.approx(0.02, abs=1e-3)
    assert rule.speed(1) is None
    rule.reset([0])
    assert rule.skip(0) is None and rule.speed(0) is None
