"""Checks a root file by file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gridseval.assets.declared import DeclaredFile, faults
from gridseval.assets.hub import Hub, HubError, chosen_hub
from gridseval.assets.identity import CUSTOM, Identity, identify
from gridseval.assets.manifest import (
    Manifest,
    read_files,
    read_manifest,
    write_manifest,
)
from gridseval.assets.sources import LIBERO


@dataclass(frozen=True)
class Verification:
    """The result of checking every file.

    Attributes:
        identity: The name of these assets, after the check.
        against: What they were compared with; empty if there was nothing to compare with.
        faults: A line for each file that is missing, differs, or should not be there.
    """

    identity: Identity
    against: str
    faults: tuple[str, ...]


def verify(root: Path) -> Verification:
    """Compare a root with its published list of files, else with what the hub declares.

    If every file of a root equals the hub's, the root is called ``libero`` from then on, wherever
    it came from.

    Raises:
        MachineError: The list beside the assets is broken.
    """
    identity = identify(root)
    manifest, files = read_manifest(root), read_files(root)
    if manifest is not None and files:
        return Verification(identity, _origin(manifest), tuple(faults(root, files)))
    if identity.name != CUSTOM:
        return Verification(identity, "a known content hash", ())
    hub = chosen_hub()
    return Verification(identity, "", ()) if hub is None else _against_hub(root, identity, hub)


def _origin(manifest: Manifest) -> str:
    if not manifest.repository:
        return f"the {manifest.identity} as they were built"
    return f"{manifest.repository} at {manifest.commit[:12]}"


def _against_hub(root: Path, identity: Identity, hub: Hub) -> Verification:
    try:
        snapshot = hub.snapshot(LIBERO)
    except HubError:
        return Verification(identity, "", ())
    models = [file for file in snapshot.files if file.is_model]
    found = tuple(faults(root, models))
    manifest = Manifest("libero", identity.hash, LIBERO.repository, snapshot.commit)
    if found or snapshot.commit != LIBERO.revision:
        return Verification(identity, _origin(manifest), found)
    _remember(root, manifest, models)
    return Verification(Identity("libero", identity.hash), _origin(manifest), ())


def _remember(root: Path, manifest: Manifest, files: list[DeclaredFile]) -> None:
    try:
        write_manifest(root, manifest, files)
    except OSError:
        # The root belongs to another user, so the result cannot be stored beside it.
        return
