"""Finds the assets to use.

Masses, shapes and looks decide outcomes, so other assets are another benchmark: every run records
the content hash of its assets (trap 9 of docs/explanation/protocol-and-traps.md).
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from gridseval.assets.hub import ask_quickly, chosen_hub
from gridseval.assets.identity import Identity, identify
from gridseval.assets.layout import (
    FOLDERS,
    cache_dir,
    is_interrupted,
    missing_folders,
    temporary_cache_dir,
    usable_caches,
)
from gridseval.assets.meter import shown_meter
from gridseval.assets.pull import pull, work_bytes
from gridseval.assets.sources import LIBERO
from gridseval.assets.transfer import Pace
from gridseval.data import unnested
from gridseval.errors import MachineError

_LOG = logging.getLogger("gridseval")
ENVIRONMENT_VARIABLE = "GRIDSEVAL_ASSETS"
PATIENCE_S = 4.0
"""How long a hub may take to answer before a run starts without it."""

PACE = Pace()
"""How fast its files must come, too."""


@dataclass(frozen=True)
class Assets:
    """An asset root.

    Attributes:
        root: The folder with ``scenes/``, ``stable_hope_objects/`` and so on.
        source: What named it: an argument, the environment variable, a cache, the hub.
        note: One sentence that the user must know before a run starts; or ``None``.
    """

    root: Path
    source: str
    note: str | None = None

    def identity(self) -> Identity:
        """Return the name of these assets (``"custom"`` if unknown) and their content hash."""
        return identify(self.root)


def find_assets(explicit: str | Path | None = None) -> Assets:
    """Return the assets to use.

    Looks at the argument, the environment variable and the caches, the hub's own among them. Then
    downloads, if the hub answers within :data:`PATIENCE_S` and sends at :data:`PACE`. Else builds
    the stand-ins.

    Args:
        explicit: A folder, or ``None`` to look further.

    Raises:
        MachineError: The named folder has no assets, or neither the cache nor the temporary folder
            can be written.
    """
    return named_or_cached(explicit) or _downloaded_or_built()


def announced_assets(explicit: str | Path | None = None) -> Assets:
    """Return what :func:`find_assets` returns, and log its note.

    Raises:
        MachineError: As there.
    """
    assets = find_assets(explicit)
    if assets.note is not None:
        _LOG.warning(assets.note)
    return assets


def named_or_cached(explicit: str | Path | None = None) -> Assets | None:
    """Return the assets that are on this machine; ``None`` if there are only stand-ins.

    Raises:
        MachineError: The named folder has no assets.
    """
    if explicit is not None:
        return checked_assets(explicit, "--assets")
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return checked_assets(named, ENVIRONMENT_VARIABLE)
    for _, folder in usable_caches():
        if not missing_folders(folder) and not is_interrupted(folder):
            return Assets(folder, "cache")
    return None


def checked_assets(root: str | Path, source: str) -> Assets:
    """Return the assets in a folder.

    Args:
        root: The folder.
        source: What named it, for messages.

    Raises:
        MachineError: The folder has no assets.
    """
    root = Path(root)
    if not root.is_dir():
        raise MachineError(f"{source}: no such folder: {root}", "name LIBERO's asset root")
    missing = missing_folders(root)
    if missing:
        nested = unnested(root, FOLDERS[0])
        named = "name the folder that holds scenes/, textures/, stable_hope_objects/, …"
        raise MachineError(
            f"{source}: {root} is not LIBERO's asset root: it has no folder {missing[0]!r}",
            named if nested is None or missing_folders(nested) else f"name {nested}",
        )
    return Assets(root.resolve(), source)


def build_standins(reason: str = "") -> Assets:
    """Return the stand-ins, which are built into the user's cache when first needed.

    If the cache cannot be written (another user's or a read-only home), they are built into a
    temporary folder.

    Args:
        reason: Why LIBERO's own assets are not used, for the note.

    Raises:
        MachineError: Neither folder can be written.
    """
    # Imported here, as building takes numpy and seconds, which most runs do not need.
    from gridseval.assets.standins import standins_root

    try:
        root = standins_root(cache_dir())
    except MachineError as refused:
        try:
            root = standins_root(temporary_cache_dir())
        except MachineError as error:
            raise refused from error
    why = f" ({reason})" if reason else ""
    note = (
        f"stand-ins are used, as LIBERO's assets are not here{why}: do not compare these results "
        "with any on LIBERO's assets; gridseval assets pull gets those"
    )
    return Assets(root, "built-in stand-ins", note)


def _downloaded_or_built() -> Assets:
    try:
        hub = chosen_hub()
        if hub is None:
            return build_standins("HF_HUB_OFFLINE is set")
        snapshot = ask_quickly(hub, LIBERO, PATIENCE_S)
        size = work_bytes(LIBERO, snapshot)
        _LOG.warning("fetching LIBERO's assets from %s: %.0f MB", hub.endpoint, size / 1e6)
        with shown_meter("LIBERO's assets", size) as meter:
            return Assets(pull(LIBERO, hub, snapshot, meter=meter, pace=PACE), hub.endpoint)
    except MachineError as error:
        return build_standins(error.message.partition("\n")[0].rstrip(":"))
