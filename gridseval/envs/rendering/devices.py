"""Several GPUs that draw: which EGL devices there are, and which worker draws on which."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from gridseval.envs.rendering.backend import Probe, probe_backend

EGL_DEVICE = "MUJOCO_EGL_DEVICE_ID"
"""Variable by which MuJoCo, and with it a user, chooses the EGL device."""

_CUDA_DEVICES = "CUDA_VISIBLE_DEVICES"
_MOST_AT_ONCE = 4


def drawing_devices(
    found: Probe,
    environment: Mapping[str, str] | None = None,
    probe: Callable[[str, int], Probe] | None = None,
) -> tuple[int, ...]:
    """Return the EGL devices over which workers are spread; empty where one draws for all.

    All draw with the renderer that was found, since pixels decide outcomes. Where
    ``CUDA_VISIBLE_DEVICES`` leaves out some of the GPUs that draw, workers are not spread: EGL
    numbers devices in its own way, so that nothing tells which of them are meant.

    Args:
        found: The back end of the run.
        environment: Variables; default: the process's.
        probe: Tries a back end on a device; default: in another process.
    """
    variables = os.environ if environment is None else environment
    if found.backend != "egl" or found.devices < 2 or variables.get(EGL_DEVICE):
        return ()
    with ThreadPoolExecutor(_MOST_AT_ONCE) as several:
        tried = several.map(lambda each: (probe or _probe)("egl", each), range(found.devices))
        working = [i for i, each in enumerate(tried) if each.renderer == found.renderer]
    visible = [each for each in variables.get(_CUDA_DEVICES, "").split(",") if each.strip()]
    if len(working) < 2 or (_CUDA_DEVICES in variables and len(visible) != len(working)):
        return ()
    return tuple(working)


def spread(found: Probe) -> Probe:
    """Return the back end of a run, with the EGL devices of its workers."""
    return replace(found, spread=drawing_devices(found))


def device_of(slot: int, devices: Sequence[int]) -> int | None:
    """Return the EGL device of a worker; ``None`` leaves the choice to MuJoCo.

    Args:
        slot: The worker's number, from 0.
        devices: What :func:`drawing_devices` returned.

    >>> [device_of(slot, (0, 2, 3)) for slot in range(5)], device_of(1, ())
    ([0, 2, 3, 0, 2], None)
    """
    return devices[slot % len(devices)] if devices else None


def _probe(backend: str, device: int) -> Probe:
    return probe_backend(backend, {EGL_DEVICE: str(device)})
