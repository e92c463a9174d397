"""What the machine brings: cores, memory, disk, LIBERO's assets, a configuration of ``libero``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import platformdirs

from gridseval.assets import find_assets
from gridseval.doctor.finding import Finding
from gridseval.envs.pool.resources import WORKER_GB, Resources
from gridseval.results.run.assets_note import PUBLISHED_ASSETS

_LEAST_DISK_GB = 2.0
_DIGITS = 12
_FOREIGN = "not LIBERO's own, so results do not compare with published ones"


def check_cores(here: Resources | None = None) -> Finding:
    """Report the cores, and a container's or a job's share of them if that is less.

    Args:
        here: What this process may use; default: asks the system.
    """
    here = replace(here or Resources.here(), memory_gb=None)
    if here.reason is None:
        return Finding("cores", "ok", f"{here.cores}")
    text = f"{here.cores}, but {here.reason}"
    return Finding("cores", "ok", text, f"a run starts {here.workers} workers")


def check_memory(here: Resources | None = None) -> Finding:
    """Check that there is memory for a worker on each core that may be used.

    Args:
        here: What this process may use; default: asks the system.
    """
    here = here or Resources.here()
    if here.memory_gb is None:
        return Finding("memory", "ok", "unknown on this system")
    if here.memory_gb // WORKER_GB < replace(here, memory_gb=None).workers:
        fit = int(here.memory_gb // WORKER_GB)
        text = f"{here.memory_gb:.1f} GB free, enough for about {fit} workers"
        return Finding("memory", "warning", text, f"a run starts {here.workers} workers")
    return Finding("memory", "ok", f"{here.memory_gb:.1f} GB free")


def check_disk() -> Finding:
    """Check that the user's cache can be written and has room for assets."""
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
    """Find the assets and report which they are.

    Args:
        explicit: A folder, or ``None`` to look for them.

    Raises:
        MachineError: They are missing.
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

    See trap 5 of docs/explanation/protocol-and-traps.md.

    Args:
        environment: Default: the process's.
    """
    variables = os.environ if environment is None else environment
    folder = Path(variables.get("LIBERO_CONFIG_PATH", Path.home() / ".libero"))
    path = folder / "config.yaml"
    if path.is_file():
        hint = f"plain libero reads assets and tasks from where {path} points"
        yield Finding("config", "ok", "libero has a config.yaml; gridseval ignores it", hint)
