"""OpenGL back ends, and how fast images are drawn."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from gridseval.doctor.finding import Finding
from gridseval.envs.python_process import module_command
from gridseval.envs.rendering import backend as backends
from gridseval.envs.rendering.devices import EGL_DEVICE
from gridseval.errors import MachineError

_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software rasterizer")
_TIMEOUT_S = 180
_MAX_QUOTE = 300


def check_backends() -> Iterator[Finding]:
    """Try every back end, and name the one that runs will use."""
    try:
        chosen: str | None = backends.choose_backend().backend
    except MachineError:
        chosen = None
    probes = [backends.probe_backend(name) for name in backends.BACKENDS]
    for probe in probes:
        if probe.renderer is not None:
            role = "chosen" if probe.backend == chosen else "works, not needed"
            kind = "software" if is_software(probe.renderer) else "hardware"
            yield Finding(probe.backend, "ok", f"{role}, {kind}: {probe.renderer}")
        else:
            need = "not needed" if chosen else "needed for images"
            text = f"does not work, {need}: {probe.reason}"
            yield Finding(probe.backend, "ok" if chosen else "failure", text)
    if chosen is None:
        error = backends.no_backend_error(probes)
        asked = os.environ.get("MUJOCO_GL")
        text = "no OpenGL: only policies without images run here"
        yield Finding("renderer", "failure", text, _unset_hint(probes, asked) or error.hint)


def is_software(renderer: str) -> bool:
    """Return whether OpenGL's name of a renderer is one of Mesa's software renderers."""
    return any(name in renderer.lower() for name in _SOFTWARE)


def check_cuda_devices(environment: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Report ``CUDA_VISIBLE_DEVICES``, which does not choose what EGL draws on.

    See trap 7 of docs/explanation/protocol-and-traps.md.

    Args:
        environment: Default: the process's.
    """
    variables = os.environ if environment is None else environment
    visible = variables.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return
    if EGL_DEVICE in variables:
        text = f"CUDA_VISIBLE_DEVICES={visible}, images on EGL device {variables[EGL_DEVICE]}"
        yield Finding("cuda", "ok", text)
        return
    text = f"CUDA_VISIBLE_DEVICES={visible} does not choose the device that draws images"
    hint = f"set {EGL_DEVICE} for that; plain libero takes {visible!r} for EGL's own device number"
    yield Finding("cuda", "warning", text, hint)


def check_speed(assets: str | None) -> Finding:
    """Measure images of libero_spatial's task 5, in a separate process: drivers may abort.

    Args:
        assets: Folder of LIBERO's assets, or ``None`` to look for them.

    Raises:
        MachineError: No OpenGL back end works, assets are missing, or the process died.
    """
    chosen = backends.choose_backend().backend
    figures = _measure(chosen, assets)
    text = (
        f"agentview {figures['agentview_ms']:.0f} ms, wrist {figures['wrist_ms']:.0f} ms; "
        f"a second look {figures['second_look_ms']:.2f} ms"
    )
    return Finding("images", "ok", text, "per image of 256 x 256, libero_spatial task 5")


def _measure(backend: str, assets: str | None) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603
            module_command("gridseval.doctor.speed", backend, assets or ""),
            env={**os.environ, "MUJOCO_GL": backend},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MachineError(f"drawing images did not end within {_TIMEOUT_S} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise MachineError(f"drawing images failed: {lines[-1][:_MAX_QUOTE]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _unset_hint(probes: list[backends.Probe], asked: str | None) -> str | None:
    """Return a hint if only ``MUJOCO_GL`` keeps a working back end from being chosen."""
    working = [probe.backend for probe in probes if probe.renderer is not None]
    return f"MUJOCO_GL={asked} excludes {working[0]}: unset it" if asked and working else None
