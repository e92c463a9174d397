"""Versions of packages, and the rule for MuJoCo, whose versions decide success rates.

From 3.3.3 libero_object's floor is darker, from 3.4 the bowl of libero_spatial's task 5 slides off
its ramekin, from 3.10 robosuite 1.4 cannot run: see docs/explanation/protocol-and-traps.md, traps 1
to 3.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import platform
import re
import urllib.parse
from importlib import metadata
from pathlib import Path

from gridseval.errors import MachineError

SERVE_PACKAGE = "gridseval-serve"
"""The distribution of this source that is installed beside a model, without a simulator."""

MUJOCO_HINT = 'pip install "mujoco>=3.2.3,<3.3.3"'

SIMULATION_PACKAGES = ("mujoco", "robosuite", "hf-libero", "gymnasium", "numpy", "numba")
"""Packages that take part in a simulation: a run records their versions."""

_MODULES = {"hf-libero": "libero"}
"""Distributions whose package has another name."""

_SYSTEMS = {"Darwin": "macOS"}
_STATED = re.compile(r"""^__version__\s*(?::\s*str\s*)?=\s*["']([^"']+)["']""", re.MULTILINE)
_LIBRARY = re.compile(r"libmujoco\.(?:so\.)?(\d[\d.]*\d)(?:\.dylib)?")
_RELEASE = re.compile(r"\s*v?(?:\d+!)?(\d+(?:\.\d+)*)")


def other_system() -> MachineError | None:
    """Return what to tell users of a system on which the simulator does not run, else ``None``."""
    here = platform.system()
    if here in ("Linux", ""):
        return None
    return MachineError(
        f"the simulator runs on Linux, and this is {_SYSTEMS.get(here, here)}",
        "serve the policy here (gridseval serve) and run the simulator on a Linux machine, or run "
        "gridseval in a Linux container or virtual machine (on Windows: WSL 2)",
    )


def release_of(version: str) -> tuple[int, ...]:
    """Return the release numbers of a version, without trailing zeros.

    Pre-releases, development and local builds (``3.4.0rc1``, ``3.4.0.dev1``, ``2.13.0+cpu``) count
    as the release they lead to or come from: they already behave like it.

    Args:
        version: As installed packages state it (PEP 440).

    Returns:
        Such as ``(3, 4)`` for ``"3.4.0rc1"``; compare with tuples like ``(3, 3, 3)``.

    Raises:
        ValueError: The text does not start with a number.
    """
    match = _RELEASE.match(version)
    if match is None:
        raise ValueError(f"not a version: {version!r}")
    numbers = [int(part) for part in match[1].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def check_mujoco_version(version: str, force: bool) -> str | None:
    """Refuse versions of MuJoCo that change what is measured, or warn of them.

    Args:
        version: MuJoCo's version.
        force: Accept 3.4 to 3.9; their success rates cannot be compared with published ones.

    Returns:
        A warning, or ``None`` below 3.3.3.

    Raises:
        MachineError: 3.4 or newer without ``force``; 3.10 or newer with it too, since robosuite 1.4
            cannot run there.
    """
    try:
        release = release_of(version)
    except ValueError:
        return f"MuJoCo's version {version!r} cannot be read; 3.2.3 to 3.3.2 are known to be right"
    if release >= (3, 10):
        raise MachineError(
            f"MuJoCo {version} cannot run LIBERO: robosuite 1.4 reads MjData.qM, gone since 3.10",
            MUJOCO_HINT,
        )
    if release >= (3, 4):
        fact = (
            f"MuJoCo {version} changes LIBERO: since 3.4 the bowl of libero_spatial's task 5 "
            "slides off the ramekin"
        )
        if not force:
            raise MachineError(fact, f"{MUJOCO_HINT}, or accept it with --force")
        return fact
    if release >= (3, 3, 3):
        return (
            f"MuJoCo {version} changes LIBERO's images: since 3.3.3 libero_object's floor is darker"
        )
    return None


def serves_only() -> bool:
    """Return whether this is the distribution without a simulator."""
    return list(versions_of("gridseval", SERVE_PACKAGE)) == [SERVE_PACKAGE]


def versions_of(*packages: str) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {}
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def imported_versions(*packages: str) -> dict[str, str]:
    """Return the versions of those packages that are found, as they are imported.

    Where another copy hides what pip installed, that copy's version counts, ``"unknown"`` if it
    does not state one.
    """
    found = {package: imported_version(package) for package in packages}
    return {
        package: version or "unknown"
        for package, version in found.items()
        if version is not None or package_folder(_MODULES.get(package, package)) is not None
    }


def imported_version(package: str) -> str | None:
    """Return a package's version as it is imported, ``None`` if it is not found or says none.

    Args:
        package: The distribution's name, such as ``"hf-libero"``.
    """
    folder = package_folder(_MODULES.get(package, package))
    if folder is None:
        return None
    owner = owner_of(folder, package)
    return _stated_version(folder) if owner is None else owner.version


def package_folder(module: str) -> Path | None:
    """Return the folder of a package that is, or would be, imported, without importing it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    locations = [] if spec is None else list(spec.submodule_search_locations or [])
    return Path(locations[0]) if locations else None


def owner_of(folder: Path, package: str) -> metadata.Distribution | None:
    """Return the installed distribution of a name if a package's folder is the one it installed."""
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None
    here = folder.resolve()
    if Path(str(distribution.locate_file(folder.name))).resolve() == here:
        return distribution
    source = _editable_source(distribution)
    return distribution if source is not None and here.is_relative_to(source) else None


def _editable_source(distribution: metadata.Distribution) -> Path | None:
    """Return the folder of ``pip install -e`` (PEP 610), or ``None``."""
    try:
        direct = json.loads(distribution.read_text("direct_url.json") or "{}")
        editable = direct.get("dir_info", {}).get("editable", False)
        parsed = urllib.parse.urlparse(direct.get("url", ""))
    except (ValueError, AttributeError):
        return None
    if not editable or parsed.scheme != "file":
        return None
    return Path(urllib.parse.unquote(parsed.path)).resolve()


def _stated_version(folder: Path) -> str | None:
    """Return the version that a package's source, or MuJoCo's library, states."""
    for name in ("__init__.py", "version.py", "_version.py"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            match = _STATED.search((folder / name).read_text(encoding="utf-8"))
            if match is not None:
                return match[1]
    libraries = (_LIBRARY.fullmatch(path.name) for path in folder.glob("libmujoco*"))
    return next((match[1] for match in libraries if match is not None), None)
