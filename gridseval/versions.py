"""Versions of packages, and the rule for MuJoCo, whose versions decide success rates.

From 3.3.3 libero_object's floor is darker, from 3.4 the bowl of libero_spatial's task 5 slides off
its ramekin, from 3.10 robosuite 1.4 cannot run: see docs/explanation/protocol-and-traps.md, traps 1
to 3.
"""

from __future__ import annotations

import contextlib
import re
from importlib import metadata

from gridseval.errors import MachineError

SERVE_PACKAGE = "gridseval-serve"
"""The distribution of this source that is installed beside a model, without a simulator."""

MUJOCO_HINT = 'pip install "mujoco>=3.2.3,<3.3.3"'

_RELEASE = re.compile(r"\s*v?(?:\d+!)?(\d+(?:\.\d+)*)")


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
