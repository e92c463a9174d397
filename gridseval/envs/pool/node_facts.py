"""What decides outcomes on a machine of a cluster, and in what it differs from the driver's."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gridseval import __version__
from gridseval.assets import Assets
from gridseval.assets.identity import Identity
from gridseval.assets.roots import build_standins, checked_assets, named_or_cached
from gridseval.cluster.connection import Node
from gridseval.envs.plus import find_plus
from gridseval.envs.pool.resources import Resources
from gridseval.envs.pool.settings import EnvSettings
from gridseval.envs.rendering.backend import probe_backend
from gridseval.envs.simulator import simulator_packages
from gridseval.envs.spaces import CAMERAS
from gridseval.errors import GridsevalError, MachineError
from gridseval.suites import load_suite, suite_digest
from gridseval.versions import SIMULATION_PACKAGES, imported_versions

STANDINS = "stand-ins"
_ABSENT = "missing"
_PLUS_PARTS = ("bddl_files", "init_files", "assets")
_MOST_SHOWN = 3
_HASH_DIGITS = 12


@dataclass(frozen=True)
class NodeFacts:
    """What a machine would simulate with.

    Attributes:
        values: By name; equal on two machines that give equal outcomes.
        models: LIBERO's models, by content; ``None`` where there are none.
        settings: The environments' settings with this machine's folders.
        workers: How many workers its memory allows, at least one.
    """

    values: Mapping[str, str]
    models: Identity | None
    settings: EnvSettings
    workers: int

    def refuse_other(self, node: Node, there: NodeFacts) -> None:
        """Compare the machine of a node with this one.

        Raises:
            MachineError: It differs; the message names it and says in what.
        """
        names = [name for name in self.values if there.values.get(name) != self.values[name]]
        if not names:
            return
        told = [
            f"{name} {there.values.get(name, _ABSENT)}, not {self.values[name]}" for name in names
        ]
        more = f"; and {len(told) - _MOST_SHOWN} more" if len(told) > _MOST_SHOWN else ""
        raise MachineError(
            f"Ray's node {node.name} differs from this machine: "
            f"{'; '.join(told[:_MOST_SHOWN])}{more}",
            "its episodes could end otherwise: install the same there, set GRIDSEVAL_ASSETS on it, "
            "or take it out of the cluster",
        )


def facts_here(settings: EnvSettings, models: Identity | None = None) -> NodeFacts:
    """Return this machine's facts.

    Args:
        settings: The environments' settings, with the driver's folders.
        models: LIBERO's models as the driver has them, which are looked for in the same folder,
            then where this machine has its own; ``None``: those of the settings.
    """
    assets, found = _assets(settings, models)
    plus = _plus_root(settings)
    values = {
        "gridseval": __version__,
        "Python": platform.python_version(),
        **dict.fromkeys(SIMULATION_PACKAGES, _ABSENT),
        **imported_versions(*SIMULATION_PACKAGES),
        **_simulator(),
        "models": _short(found),
        "renderer": _renderer(settings),
        "the suite's files": _suite(settings),
        "LIBERO-Plus's data": _listing(plus),
    }
    own = replace(
        settings,
        assets=settings.assets if assets is None else str(assets.root),
        libero_plus=None if plus is None else str(plus),
    )
    return NodeFacts(values, found, own, _memory_workers())


def _assets(
    settings: EnvSettings, wanted: Identity | None
) -> tuple[Assets | None, Identity | None]:
    first: Identity | None = None
    for assets in _places(settings, wanted):
        found = assets.identity()
        if wanted is None or found.hash == wanted.hash:
            return assets, found
        first = first or found
    return None, first


def _places(settings: EnvSettings, wanted: Identity | None) -> Iterator[Assets]:
    """Yield where models may be: the driver's folder, this machine's own, built-in ones."""
    for look in (lambda: checked_assets(settings.assets or "", "--assets"), named_or_cached):
        try:
            assets = look()
        except MachineError:
            continue
        if assets is not None:
            yield assets
    if wanted is not None and wanted.name == STANDINS:
        yield build_standins()


def _short(identity: Identity | None) -> str:
    return _ABSENT if identity is None else f"{identity.name} {identity.hash[:_HASH_DIGITS]}"


def _simulator() -> dict[str, str]:
    try:
        packages = tuple(simulator_packages())
    except MachineError as error:
        return {"simulator": error.message}
    return {
        f"{package.name}'s {part}": digest[:_HASH_DIGITS]
        for package in packages
        for part, digest in package.hashes.items()
    }


def _renderer(settings: EnvSettings) -> str:
    """Return what draws: its name where pixels decide outcomes, else whether anything does."""
    if settings.backend is None:
        return "none"
    probe = probe_backend(settings.backend)
    if probe.renderer is None:
        return f"{probe.backend} does not work ({probe.reason})"
    seen = not CAMERAS.keys().isdisjoint(settings.observations)
    return f"{probe.backend}: {probe.renderer}" if seen else probe.backend


def _suite(settings: EnvSettings) -> str:
    if settings.suite_sha256 is None:
        return "gridseval's own"
    try:
        return (suite_digest(load_suite(settings.suite)) or _ABSENT)[:_HASH_DIGITS]
    except GridsevalError as error:
        return error.message


def _plus_root(settings: EnvSettings) -> Path | None:
    if settings.libero_plus is None:
        return None
    for named in (settings.libero_plus, None):
        try:
            root = find_plus(named).root
        except GridsevalError:
            continue
        if root is not None:
            return root
    return None


def _listing(root: Path | None) -> str:
    """Return a digest of names and sizes: ten thousand files are too many to read."""
    if root is None:
        return "none"
    below = (path for part in _PLUS_PARTS for path in (root / part).rglob("*"))
    files = sorted(path for path in below if path.is_file())
    lines = [f"{path.relative_to(root)} {path.stat().st_size}" for path in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_HASH_DIGITS]


def _memory_workers() -> int:
    return replace(Resources.here(), cores=1 << 16, quota=None, scheduled=None).workers
