"""All checks, in the order in which they are worth reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gridseval.doctor.bowl import check_bowl
from gridseval.doctor.finding import Finding, guarded
from gridseval.doctor.machine import (
    check_cores,
    check_disk,
    check_libero_config,
    check_memory,
    check_models,
)
from gridseval.doctor.packages import (
    check_libero,
    check_mujoco,
    check_packages,
    check_python,
    check_simulator_files,
    check_system,
)
from gridseval.doctor.rendering import check_backends, check_cuda_devices, check_speed


def diagnose(assets: str | None = None, force: bool = False) -> Iterator[Finding]:
    """Check this machine.

    Args:
        assets: Folder of LIBERO's assets, or ``None`` to look for them.
        force: Accept MuJoCo 3.4 to 3.9, and packages that are not what pip installs.

    Yields:
        Findings, each as soon as it is known. Nothing raises: an exception is a finding.
    """
    yield from guarded("system", lambda: [check_system()])
    yield from guarded("python", lambda: [check_python()])
    yield from guarded("mujoco", lambda: [check_mujoco(force)])
    yield from guarded("packages", check_packages)
    yield from guarded("libero", lambda: [check_libero()])
    yield from guarded("simulator", lambda: check_simulator_files(force))
    yield from guarded("config", check_libero_config)
    yield from guarded("cores", lambda: [check_cores()])
    yield from guarded("memory", lambda: [check_memory()])
    yield from guarded("disk", lambda: [check_disk()])
    models = guarded("models", lambda: [check_models(assets)])
    backends = guarded("renderer", check_backends)
    yield from models
    yield from _unless(models, "bowl", lambda: [check_bowl(assets, force)])
    yield from backends
    yield from guarded("cuda", check_cuda_devices)
    yield from _unless(models + backends, "images", lambda: [check_speed(assets)])


def _unless(
    needed: list[Finding], name: str, check: Callable[[], Iterable[Finding]]
) -> list[Finding]:
    """Return a check's findings, or that it was not tried where what it needs has failed."""
    failed = [finding.name for finding in needed if finding.status == "failure"]
    if failed:
        return [Finding(name, "warning", f"not tried: see {failed[-1]}")]
    return guarded(name, check)
