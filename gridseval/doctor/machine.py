"""What the machine brings: cores, memory, disk, LIBERO's models, a configuration of ``libero``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import platformdirs

from gridseval.assets import find_assets
from gridseval.doctor.finding import Finding
from gridseval.envs.pool.pool import default_workers
from gridseval.results.run.assets_note import PUBLISHED_ASSETS

WORKER_GB = 1.0
"""Memory that a worker needs: MuJoCo, Python and two compiled tasks, with room to spare."""

_LEAST_DISK_GB = 2.0
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_MEMORY = Path("/proc/meminfo")
_DIGITS = 12
_FOREIGN = "not LIBERO's own, so results do not compare with published ones"


def check_cores() -> Finding:
    """Report the cores, and a container's share of them if that is less."""
    cores, share = default_workers(), _core_share(_QUOTA)
    if share is not None and share < cores:
        text = f"{cores}, but this container may use only {share:.1f} of them"
        return Finding("cores", "warning", text, f"use --workers {max(1, int(share))}")
    return Finding("cores", "ok", f"{cores}")


def check_memory() -> Finding:
    """Check that there is memory for a worker on each core."""
    free_gb = _available_gb(_MEMORY)
    if free_gb is None:
        return Finding("memory", "ok", "unknown on this system")
    fit = int(free_gb // WORKER_GB)
    if fit < default_workers():
        text = f"{free_gb:.1f} GB free, enough for about {fit} workers"
        return Finding("memory", "warning", text, f"use --workers {max(1, fit)}")
    return Finding("memory", "ok", f"{free_gb:.1f} GB free")


def check_disk() -> Finding:
    """Check that the user's cache can be written and has room for models."""
    folder = Path(platformdirs.user_cache_dir("gridseval"))
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(parent, os.W_OK):
        text = f"the cache cannot be written: {folder}"
        return Finding("disk", "warning", text, "set XDG_CACHE_HOME to a folder of your own")
    free_gb = shutil.disk_usage(parent).free / 1e9
    if free_gb < _LEAST_DISK_GB:
        text = f"{free_gb:.1f} GB free for the cache in {folder}"
        return Finding("disk", "warning", text, "free some, or set XDG_CACHE_HOME elsewhere")
    return Finding("disk", "ok", f"{free_gb:.0f} GB free for the cache")


def check_models(explicit: str | None) -> Finding:
    """Find the models and tell which they are.

    Args:
        explicit: A folder, or ``None`` to look for them.

    Raises:
        MachineError: There are none.
    """
    assets = find_assets(explicit)
    name, digest = assets.identity()
    text = f"{name}, sha256 {digest[:_DIGITS]}, from {assets.source}"
    if name == PUBLISHED_ASSETS:
        return Finding("models", "ok", text, str(assets.root))
    if name == "stand-ins":
        advice = "gridseval assets pull gets LIBERO's own"
        return Finding("models", "warning", f"{text}: {_FOREIGN}; {advice}", str(assets.root))
    return Finding("models", "ok", f"{text}: {_FOREIGN}", str(assets.root))


def check_libero_config(environment: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Report a configuration file of ``libero``, which gridseval does not use.

    Docs: protocol and traps, no. 5.

    Args:
        environment: Default: the process's.
    """
    variables = os.environ if environment is None else environment
    folder = Path(variables.get("LIBERO_CONFIG_PATH", Path.home() / ".libero"))
    path = folder / "config.yaml"
    if path.is_file():
        hint = f"plain libero reads models and tasks from where {path} points"
        yield Finding("config", "ok", "libero has a config.yaml; gridseval ignores it", hint)


def _core_share(path: Path) -> float | None:
    """Return how many cores the control group allows, or ``None`` for no limit."""
    try:
        quota, period = path.read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _available_gb(path: Path) -> float | None:
    """Return the memory that new processes can use, from ``/proc/meminfo``."""
    try:
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024 / 1e9
    except (OSError, ValueError):
        return None
    return None
