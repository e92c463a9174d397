"""What goes wrong in a machine that has all that is needed, and how it is told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.envs import scene
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.rendering import backend as backends
from gridseval.envs.rendering.backend import GLContext, choose_backend
from gridseval.errors import MachineError


def test_a_context_that_fails_is_no_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = choose_backend().backend

    def fail(backend: str) -> Any:
        raise RuntimeError("EGL_BAD_ALLOC")

    monkeypatch.setattr(backends, "_new_context", fail)
    with pytest.raises(MachineError) as caught:
        GLContext(chosen)
    reason = f"no context of the OpenGL back end {chosen!r} can be made: EGL_BAD_ALLOC"
    assert caught.value.message == reason
    assert "install" not in str(caught.value)


def test_a_lack_of_memory_is_not_blamed_on_the_models(
    monkeypatch: pytest.MonkeyPatch, assets: Path
) -> None:
    def fail(*_: object) -> Any:
        raise MemoryError

    env = LiberoEnv("libero_object", assets=assets, observations=("state",))
    monkeypatch.setattr(scene, "_construct", fail)
    with pytest.raises(MemoryError):
        env.reset()


def test_mujoco_s_warnings_are_counted_per_episode(
    assets: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = LiberoEnv("libero_object", assets=assets, observations=("state",))
    still = np.zeros(7, np.float32)
    assert env.reset()[1]["mujoco_warnings"] == 0
    assert env.step(still)[4]["mujoco_warnings"] == 0
    env._running.task.simulation.scene.data.qvel[-1] = 1e11
    with caplog.at_level(logging.WARNING, "gridseval.mujoco"):
        assert env.step(still)[4]["mujoco_warnings"] >= 1
    assert "The simulation is unstable" in caplog.text
    assert env.reset()[1]["mujoco_warnings"] == 0
    assert env.step(still)[4]["mujoco_warnings"] == 0
    env.close()
