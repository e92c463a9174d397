"""Which worker draws on which EGL device; real GPUs are where CI has none."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from gridseval.envs.pool.pool import WorkerPool
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.rendering.backend import Probe, probe_backend
from gridseval.envs.rendering.devices import device_of, drawing_devices

GPU = "NVIDIA H200/PCIe/SSE2"


def found(devices: int, backend: str = "egl") -> Probe:
    return Probe(backend, GPU, None, devices)


def machine(backend: str, device: int) -> Probe:
    """Four GPUs, of which one may not be used, and a software renderer that EGL lists, too."""
    renderers: dict[int, str | None] = dict.fromkeys((0, 1, 3), GPU)
    return Probe(backend, {**renderers, 4: "llvmpipe (LLVM 15)"}.get(device), None, 5)


@pytest.mark.parametrize(
    ("variables", "devices"),
    [
        ({}, (0, 1, 3)),
        ({"MUJOCO_EGL_DEVICE_ID": "1"}, ()),  # the user has chosen
        ({"CUDA_VISIBLE_DEVICES": "0,1,2"}, (0, 1, 3)),  # all that work
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, ()),  # which two EGL devices these are is unknown
        ({"CUDA_VISIBLE_DEVICES": ""}, ()),
    ],
)
def test_workers_are_spread_over_gpus_that_draw_alike(
    variables: Mapping[str, str], devices: tuple[int, ...]
) -> None:
    assert drawing_devices(found(5), variables, machine) == devices


def test_where_there_is_one_device_nothing_is_tried() -> None:
    def refuse(backend: str, device: int) -> Probe:
        raise AssertionError("a process was started")

    assert drawing_devices(found(1), {}, refuse) == ()
    assert drawing_devices(found(5, "osmesa"), {}, refuse) == ()


def test_a_single_device_that_works_is_mujoco_s_choice() -> None:
    def one(backend: str, device: int) -> Probe:
        return Probe(backend, GPU if device == 1 else None, None, 2)

    assert drawing_devices(found(2), {}, one) == ()


def test_slots_take_turns() -> None:
    assert [device_of(slot, (0, 1, 3)) for slot in range(7)] == [0, 1, 3, 0, 1, 3, 0]
    assert device_of(3, ()) is None


def test_egl_says_how_many_devices_there_are() -> None:
    probe = probe_backend("egl")
    assert probe.renderer is None or probe.devices >= 1
    beyond = probe_backend("egl", {"MUJOCO_EGL_DEVICE_ID": str(probe.devices)})
    assert beyond.renderer is None and beyond.reason


def test_workers_get_their_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_EGL_DEVICE_ID", raising=False)
    settings = EnvSettings("libero_object", observations=("state",), egl_devices=(2, 5))
    with closing(WorkerPool(settings, 3)) as pool:
        seen = [environment_of(pid).get("MUJOCO_EGL_DEVICE_ID") for pid in pool.pids()]
        for pid in pool.pids():
            os.kill(pid, signal.SIGKILL)
    assert seen == ["2", "5", "2"]


def environment_of(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/environ").read_text()
    return dict(pair.partition("=")[::2] for pair in text.split("\0") if pair)
