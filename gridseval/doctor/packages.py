"""Python and packages, against the version traps of docs/explanation/protocol-and-traps.md."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from gridseval.doctor.finding import Finding, Health
from gridseval.envs.libero_package import package_root
from gridseval.envs.simulator import simulator_packages
from gridseval.errors import MachineError
from gridseval.versions import (
    MUJOCO_HINT,
    check_mujoco_version,
    imported_versions,
    other_system,
    release_of,
)

Release = tuple[int, ...]

LIBERO_VERSION = "0.1.4"
_LIBERO_HINT = (
    f"pip uninstall libero; pip install --force-reinstall --no-deps hf-libero=={LIBERO_VERSION}"
)
_PYTHONS = ((3, 10), (3, 13))


@dataclass(frozen=True)
class Rule:
    """Which versions of a package are fit.

    Attributes:
        package: Its name.
        least: The first fit release.
        below: The first unfit one after that, or ``None``.
        otherwise: What any other version is.
        reason: Why.
        pin: What to give pip.
    """

    package: str
    least: Release
    below: Release | None
    otherwise: Health
    reason: str
    pin: str


RULES = (
    Rule(
        "robosuite",
        (1, 4),
        (1, 5),
        "failure",
        "LIBERO uses parts of robosuite 1.4 that 1.5 removed",
        "robosuite==1.4.0",
    ),
    Rule(
        "gymnasium",
        (1, 1),
        None,
        "failure",
        "gridseval's environments need 1.1 or newer",
        "gymnasium>=1.1",
    ),
    Rule(
        "numpy",
        (1, 26),
        None,
        "warning",
        "gridseval is tested from 1.26",
        "numpy>=1.26",
    ),
    Rule(
        "torch",
        (2, 4),
        (2, 14),
        "warning",
        "checkpoints are tested with 2.4 to 2.13",
        "torch>=2.4,<2.14",
    ),
)
"""The packages that may have any version within bounds."""


def check_system() -> Finding:
    """Check that this is a system on which the simulator runs."""
    elsewhere = other_system()
    if elsewhere is None:
        return Finding("system", "ok", platform.platform())
    return Finding("system", "failure", elsewhere.message, elsewhere.hint)


def check_python() -> Finding:
    """Check Python's version."""
    version = ".".join(map(str, sys.version_info[:3]))
    least, below = _PYTHONS
    if least <= sys.version_info[:2] < below:
        return Finding("python", "ok", version)
    text = f"{version}: gridseval is tested with 3.10 to 3.12"
    return Finding("python", "warning", text, "make a virtual environment with Python 3.11")


def check_mujoco(force: bool) -> Finding:
    """Check MuJoCo's version; see traps 1 to 3 of docs/explanation/protocol-and-traps.md.

    Args:
        force: Accept 3.4 to 3.9.
    """
    version = _installed("mujoco")
    if version is None:
        return Finding("mujoco", "failure", "not installed", MUJOCO_HINT)
    try:
        warning = check_mujoco_version(version, force)
    except MachineError as error:
        return Finding("mujoco", "failure", error.message, error.hint)
    if warning is not None:
        return Finding("mujoco", "warning", warning, MUJOCO_HINT)
    return Finding("mujoco", "ok", version)


def check_packages() -> Iterator[Finding]:
    """Check the packages of :data:`RULES`."""
    for rule in RULES:
        yield judge(rule, _installed(rule.package))


def judge(rule: Rule, version: str | None) -> Finding:
    """Return what a rule says of a version; ``None`` means not installed."""
    hint = f'pip install "{rule.pin}"'
    if version is None:
        return Finding(rule.package, rule.otherwise, "not installed", hint)
    try:
        release = release_of(version)
    except ValueError:
        return Finding(rule.package, "warning", f"version {version!r} cannot be read", hint)
    if release >= rule.least and (rule.below is None or release < rule.below):
        return Finding(rule.package, "ok", version)
    return Finding(rule.package, rule.otherwise, f"{version}: {rule.reason}", hint)


def check_libero() -> Finding:
    """Check which of the packages and checkouts called ``libero`` is imported."""
    folder = package_root().parent
    owners = _owners(folder)
    described = " and ".join(f"{name} {version}" for name, version in owners.items())
    if owners == {"hf-libero": LIBERO_VERSION}:
        return Finding("libero", "ok", described)
    if not owners:
        text = f"a checkout is imported, not hf-libero {LIBERO_VERSION}: {folder}"
        return Finding("libero", "warning", text, "take it off PYTHONPATH, or uninstall it")
    if len(owners) > 1:
        text = f"{described} have overwritten each other in {folder.parent}"
    elif "hf-libero" in owners:
        text = f"{described} is imported; gridseval is tested with {LIBERO_VERSION}"
    else:
        text = f"{described} is imported, an older copy; hf-libero {LIBERO_VERSION} is needed"
    return Finding("libero", "warning", text, _LIBERO_HINT)


def check_simulator_files(force: bool) -> Iterator[Finding]:
    """Check that what simulates is imported from what pip installed, by content.

    Args:
        force: Accept other packages, as a run does.
    """
    health: Health = "warning" if force else "failure"
    for package in simulator_packages():
        if package.foreign is not None:
            yield Finding(package.name, health, package.sentence, package.cure)


def _owners(folder: Path) -> dict[str, str]:
    """Return the installed distributions to which a package's folder belongs, with versions."""
    owners = {}
    for name in set(metadata.packages_distributions().get(folder.name, [])):
        distribution = metadata.distribution(name)
        if Path(str(distribution.locate_file(folder.name))).resolve() == folder.resolve():
            owners[name.lower().replace("_", "-")] = distribution.version
    return owners


def _installed(package: str) -> str | None:
    return imported_versions(package).get(package)
