from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridseval.bench.plan import BenchPlan, Loop
from gridseval.bench.tape import action_tape
from gridseval.errors import UsageError

PLAN = BenchPlan("libero_spatial", "0", 1, 16, 2, None, 7)


def test_tape_is_seeded_bounded_and_smooth() -> None:
    tape = action_tape(7, 200)
    assert tape.shape == (200, 7) and tape.dtype == np.float32
    assert np.array_equal(tape, action_tape(7, 200))
    assert np.array_equal(tape[:50], action_tape(7, 50))
    assert not np.array_equal(tape, action_tape(8, 200))
    assert np.abs(tape).max() <= 1
    assert np.abs(np.diff(tape, axis=0)).max() < 0.2
    assert (tape[:, 6] > 0).any() and (tape[:, 6] < 0).any()


def test_loops_are_each_chunk_with_one_worker_and_with_all() -> None:
    assert list(PLAN.loops()) == [Loop(1, 1), Loop(8, 1), Loop(1, 2), Loop(8, 2)]
    assert list(replace(PLAN, workers=1).loops()) == [Loop(1, 1), Loop(8, 1)]
    assert Loop(8, 2).name == "chunk 8, 2 workers"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"suite": "libero_spatail"}, "libero_spatail"),
        ({"tasks": "10"}, "no task 10"),
        ({"trials": 51}, "51 trials"),
        ({"trials": 0}, "0 trials"),
        ({"steps": 0}, "0 steps"),
        ({"steps": 901}, "901 steps"),
        ({"workers": 0}, "0 workers"),
    ],
)
def test_plans_out_of_range_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        replace(PLAN, **wrong)
