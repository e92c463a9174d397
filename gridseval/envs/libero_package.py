"""Bring in the ``libero`` package without its side effects.

Importing ``libero.libero`` asks a question on standard input when no configuration file exists, and
trusts a stale one (trap 5 of docs/explanation/protocol-and-traps.md). Robosuite prints three
warnings and refuses to load without OpenGL, although a simulation without images does not need it.
This module imports both quietly, with gridseval's own configuration in the user's cache.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import logging
import os
import sys
import tempfile
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gridseval.assets.layout import cache_dir as user_cache_dir
from gridseval.assets.layout import temporary_cache_dir
from gridseval.envs.deferred_imports import UNUSED, deferred
from gridseval.envs.rendering.backend import BACKENDS
from gridseval.errors import MachineError
from gridseval.importing import import_fault
from gridseval.os_errors import os_errors

_DEVICE_VARIABLES = ("CUDA_", "NVIDIA_", "MUJOCO_GL", "MUJOCO_EGL_", "PYOPENGL_")

# What robosuite draws with; the second imports OpenCV, which needs libGL.
_DRAWING_CLASSES = {
    "robosuite.renderers.context.egl_context": "EGLGLContext",
    "robosuite.utils.opencv_renderer": "OpenCVRenderer",
}


def package_root() -> Path:
    """Return the folder of ``libero.libero`` without importing it: the first that is found.

    Raises:
        MachineError: The ``libero`` package is not installed, or is not the one with task files.
    """
    spec = importlib.util.find_spec("libero")
    locations = [] if spec is None else list(spec.submodule_search_locations or [])
    inner = importlib.machinery.PathFinder.find_spec("libero.libero", locations)
    roots = [] if inner is None else list(inner.submodule_search_locations or [])
    if roots and all((Path(roots[0]) / name).is_dir() for name in ("bddl_files", "init_files")):
        return Path(roots[0])
    if locations:
        raise MachineError(
            f"the package 'libero' is imported from {locations[0]}, which has no LIBERO task files",
            "take it off PYTHONPATH, or uninstall it; pip install hf-libero==0.1.4",
        )
    raise MachineError(
        "the package 'libero' with LIBERO's task files is not installed",
        "pip install hf-libero==0.1.4",
    )


def import_libero() -> types.ModuleType:
    """Import ``libero.libero.envs`` (and with it robosuite and MuJoCo) and return it.

    Raises:
        MachineError: The package is missing or cannot be imported.
    """
    if "libero.libero.envs" in sys.modules:
        return sys.modules["libero.libero.envs"]
    _write_config()
    with _quiet_import(), without_device_variables(), deferred(*UNUSED):
        loaded = set(sys.modules)
        try:
            return _import_envs()
        except (Exception, SystemExit) as without_gl:  # what a driver raises, no list can tell
            _forget_half_imported(loaded)
            reason = str(without_gl) or type(without_gl).__name__
        with _environment("MPLBACKEND", "agg"), _importing("libero"):
            _stand_in_for_gl(reason)
            return _import_envs()


@contextlib.contextmanager
def without_device_variables() -> Iterator[None]:
    """Hide what chooses devices and drivers, and settle on one OpenGL platform, inside the block.

    Robosuite, MuJoCo and PyOpenGL check these variables when they are imported, each against other
    rules than gridseval's, and robosuite sets some. Images are drawn in a context that gridseval
    makes later, by the variables as the user set them.
    """
    before = dict(os.environ)
    asked = before.get("MUJOCO_GL", "").lower().strip()
    platform = asked if asked in BACKENDS else BACKENDS[0]
    hidden = [name for name in before if name.startswith(_DEVICE_VARIABLES)]
    try:
        for name in hidden:
            del os.environ[name]
        os.environ.update(MUJOCO_GL=platform, PYOPENGL_PLATFORM=platform)
        yield
    finally:
        for name in {"MUJOCO_GL", "PYOPENGL_PLATFORM", *hidden}:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)


@contextlib.contextmanager
def _importing(package: str) -> Iterator[None]:
    """Turn all that a package raises while it is imported into a fault of the machine."""
    try:
        yield
    except MachineError:
        raise
    except (Exception, SystemExit) as error:
        if (fault := import_fault(error)) is not None:
            raise fault from error
        raise MachineError(f"the package {package!r} cannot be imported: {error!r}") from error


@contextlib.contextmanager
def asset_root(path: Path) -> Iterator[None]:
    """Let ``libero`` read its assets from ``path`` inside the block."""
    module: Any = sys.modules["libero.libero"]
    before = module._assets_path_cache
    module._assets_path_cache = str(path)
    try:
        yield
    finally:
        module._assets_path_cache = before


@contextlib.contextmanager
def problem_text(text: str) -> Iterator[str]:
    """Let ``libero`` parse a text inside the block, whichever BDDL file it asks for.

    Args:
        text: Checked: ``libero`` evaluates parts of it as Python.

    Yields:
        The name to give to ``libero``. This path cannot exist: a ``libero`` that reads files in
        another way fails instead of reading an unchecked file.
    """
    module = importlib.import_module("libero.libero.envs.bddl_utils")
    before: Any = vars(module)["scan_tokens"]

    def scan_tokens(**_: object) -> Any:
        return before(string=text)

    vars(module)["scan_tokens"] = scan_tokens
    try:
        yield f"{os.devnull}/checked.bddl"
    finally:
        vars(module)["scan_tokens"] = before


def cache_dir(name: str) -> Path:
    """Return (and create) a folder in the user's cache, or a temporary one where that fails.

    The temporary one is the user's alone and the same for all processes, so that numba compiles
    once, and nothing is left behind by each.

    Raises:
        MachineError: Neither can be made.
    """
    path = user_cache_dir() / name
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):  # which permissions alone do not tell
            return path
    except OSError:
        path = temporary_cache_dir() / name
        with os_errors(f"{path} cannot be made", MachineError, "set TMPDIR to another folder"):
            path.mkdir(exist_ok=True)
        return path


def _import_envs() -> types.ModuleType:
    import libero.libero.envs
    import mujoco

    if mujoco.get_mju_user_warning() is None:
        # MuJoCo's own handler appends to MUJOCO_LOG.TXT in the working directory.
        mujoco.set_mju_user_warning(logging.getLogger("gridseval.mujoco").warning)
    module: types.ModuleType = libero.libero.envs
    return module


def _write_config() -> None:
    """Write the configuration that ``libero`` would ask for, pointing at the package itself."""
    if "libero.libero" in sys.modules:
        return
    root = package_root()
    folder = cache_dir("libero-config")
    text = "".join(
        f"{key}: {value}\n"
        for key, value in {
            "benchmark_root": root,
            "bddl_files": root / "bddl_files",
            "init_states": root / "init_files",
            "datasets": root.parent / "datasets",
            "assets": root / "assets",
        }.items()
    )
    part = folder / f"config.{os.getpid()}.part"
    with os_errors(f"cannot write {folder}", MachineError, "set XDG_CACHE_HOME to another folder"):
        part.write_text(text, encoding="utf8")
        part.replace(folder / "config.yaml")
    with _environment("LIBERO_CONFIG_PATH", str(folder)), _quiet_import(), _importing("libero"):
        import libero.libero  # noqa: F401


@contextlib.contextmanager
def _quiet_import() -> Iterator[None]:
    """Silence import-time logging and warnings, and keep what is written to the user's cache."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            _environment("NUMBA_CACHE_DIR", os.environ.get("NUMBA_CACHE_DIR", _cache("numba"))),
            _environment("MPLCONFIGDIR", os.environ.get("MPLCONFIGDIR", _cache("matplotlib"))),
            _no_log_files(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _cache(name: str) -> str:
    return str(cache_dir(name))


@contextlib.contextmanager
def _no_log_files() -> Iterator[None]:
    """Keep robosuite from opening /tmp/robosuite.log, which may be another user's."""
    before = logging.FileHandler
    logging.FileHandler = _NoLogFile  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        logging.FileHandler = before  # type: ignore[misc]


class _NoLogFile(logging.NullHandler):
    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _forget_half_imported(loaded: set[str]) -> None:
    """Drop what a failed import left behind of robosuite and of LIBERO's environments.

    Python drops only the modules whose own code failed. Those that were done by then stay, refer to
    the dropped ones, and change the order in which a second attempt meets robosuite's cycles.
    """
    packages = ("robosuite", "libero.libero.envs")
    for name in set(sys.modules) - loaded:
        if any(name == package or name.startswith(f"{package}.") for package in packages):
            del sys.modules[name]


def _stand_in_for_gl(reason: str) -> None:
    """Let MuJoCo and robosuite be imported where OpenGL's libraries are missing.

    Without images nothing draws, and with them gridseval's own renderer does, never robosuite's.
    """
    with _environment("MUJOCO_GL", "disable"):
        import mujoco  # noqa: F401
    for name, drawing_class in _DRAWING_CLASSES.items():
        module = types.ModuleType(name)
        setattr(module, drawing_class, _refusing_class(drawing_class, reason))
        sys.modules[name] = module


def _refusing_class(name: str, reason: str) -> type:
    def refuse(*_: object, **__: object) -> None:
        raise MachineError(f"no OpenGL on this machine: {reason}")

    return type(name, (), {"__init__": refuse})
