"""Gymnasium's own vector environments: instructions in shared memory, forks after drawing."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv
from gymnasium.vector.utils import (
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)

from gridseval.envs.rendering.forks import check_not_forked
from gridseval.envs.spaces import observation_space
from gridseval.errors import MachineError

ID = "gridseval:gridseval/libero_object-v0"  # whose module spawned processes import
TOLD = ("pick up the alphabet soup", "put the böwl on the plate", "")


def test_texts_in_shared_memory_are_those_of_the_last_write() -> None:
    space = observation_space(("state",))
    context = multiprocessing.get_context("spawn")
    memory = create_shared_memory(space, 2, context)
    seen = read_from_shared_memory(space, memory, 2)
    state = np.zeros(8, np.float32)
    for first in TOLD:
        for index, text in enumerate((first, "second")):
            value = {"state": state, "instruction": text}
            write_to_shared_memory(space, index, value, memory)
        told = seen["instruction"]
        assert tuple(told) == (first, "second")
        assert (told[0], told[-1], len(told), told[:1]) == (first, "second", 2, (first,))
        assert told == (first, "second")
        for copied in (copy.deepcopy(seen)["instruction"], pickle.loads(pickle.dumps(told))):
            assert type(copied) is tuple
            assert copied == (first, "second")


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("copied", [True, False])
def test_the_instruction_survives_gymnasiums_async_vector_env(
    assets: Path, shared: bool, copied: bool
) -> None:
    made = partial(gymnasium.make, ID, assets=str(assets), observations=("state",), max_steps=2)
    envs = AsyncVectorEnv([made] * 2, shared_memory=shared, copy=copied, context="spawn")
    try:
        for task in (3, 0):
            observations, infos = envs.reset(options={"task": task})
            for _ in range(2):
                expected = tuple(infos["instruction"])
                assert tuple(observations["instruction"]) == expected
                assert expected[0].startswith("pick up")
                assert len(set(expected)) == 1
                observations, _, _, _, infos = envs.step(np.zeros((2, 7), np.float32))
    finally:
        envs.close()


def test_make_vec_async_gives_the_instruction(assets: Path) -> None:
    envs: Any = gymnasium.make_vec(
        ID,
        num_envs=2,
        vectorization_mode="async",
        vector_kwargs={"context": "spawn"},
        assets=str(assets),
        observations=("state",),
    )
    try:
        observations, infos = envs.reset(seed=0, options={"task": 1})
        assert set(observations["instruction"]) == set(infos["instruction"])
        assert observations["instruction"][0].startswith("pick up")
    finally:
        envs.close()


FORKED = """
import sys
import gymnasium, numpy as np
import gridseval
from gymnasium.vector import AsyncVectorEnv
from functools import partial

name = "gridseval/libero_object-v0"
made = partial(gymnasium.make, name, assets=sys.argv[1], backend={backend!r}, image_px=32)
env = made()
if {draws}:
    env.reset()
envs = AsyncVectorEnv([made], context="fork")
try:
    print("shown", envs.reset()[0]["agentview"].shape)
except Exception as error:
    print(type(error).__name__, error)
finally:
    envs.close(terminate=True)
env.reset()
env.close()
print("ended")
"""


@pytest.mark.parametrize("backend", ["egl", "osmesa"])
@pytest.mark.parametrize("draws", [True, False])
def test_a_fork_after_drawing_is_told(assets: Path, backend: str, draws: bool) -> None:
    code = FORKED.format(backend=backend, draws=draws)
    done = subprocess.run(
        [sys.executable, "-c", code, str(assets)], capture_output=True, text=True, timeout=300
    )
    if draws:
        (said,) = [line for line in done.stdout.splitlines() if "MachineError" in line]
        assert "forked" in said
        assert "spawn" in said
    else:
        assert "shown (1, 32, 32, 3)" in done.stdout, done.stderr
    assert "ended" in done.stdout, done.stderr


def test_another_process_s_driver_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import mujoco

    monkeypatch.delattr(mujoco, "_gridseval_process", raising=False)
    check_not_forked()
    monkeypatch.setattr(mujoco, "_gridseval_process", 1, raising=False)
    with pytest.raises(MachineError, match="forked from process 1"):
        check_not_forked()
