"""Identifies the assets in a root by content, as a folder's name proves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gridseval.assets.hashing import content_hash
from gridseval.assets.manifest import read_manifest

CUSTOM = "custom"

# SHA-256 as computed by content_hash, to the name under which runs are compared.
_KNOWN = {
    "9bd13307c8f97f358575c370010a91023bad3facef12f737338911b48da9e124": "libero-reduced",
}


class Identity(NamedTuple):
    """The name and the hash of a root's assets.

    Attributes:
        name: ``"libero"``, ``"libero-reduced"``, ``"libero-plus"``, ``"stand-ins"`` or
            ``"custom"``.
        hash: The content hash, hexadecimal.
    """

    name: str
    hash: str


def identify(root: Path) -> Identity:
    """Return the identity of a root's assets.

    A root that was pulled and checked, or built here, has a manifest. The manifest counts only
    while the content hash is the one in it.
    """
    digest = content_hash(root)
    if digest in _KNOWN:
        return Identity(_KNOWN[digest], digest)
    manifest = read_manifest(root)
    if manifest is not None and manifest.hash == digest:
        return Identity(manifest.identity, digest)
    return Identity(CUSTOM, digest)
