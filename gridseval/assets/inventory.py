"""Lists the asset roots on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gridseval.assets.identity import identify
from gridseval.assets.layout import (
    cache_dir,
    is_interrupted,
    missing_folders,
    pulled_root,
    usable_caches,
)
from gridseval.assets.roots import ENVIRONMENT_VARIABLE


@dataclass(frozen=True)
class AssetRoot:
    """An asset root on this machine.

    Attributes:
        where: What names it.
        root: The folder.
        identity: The name of its assets; ``None`` if it is incomplete.
        hash: Their content hash; ``None`` if it is incomplete.
        size_bytes: Of all files.
        used: Whether a run without ``--assets`` would use it, or refuse it as incomplete.
    """

    where: str
    root: Path
    identity: str | None
    hash: str | None
    size_bytes: int
    used: bool


def list_assets() -> tuple[AssetRoot, ...]:
    """Return the roots that exist, in the order in which a run looks for them.

    The list includes the root that the environment names even if it does not exist, as runs look
    no further.
    """
    found = []
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        found.append(replace(_described(ENVIRONMENT_VARIABLE, Path(named).resolve()), used=True))
    used = bool(named)
    for where, root, usable in _caches():
        if root.is_dir():
            each = _described(where, root)
            used_now = usable and not used and each.identity is not None
            found.append(replace(each, used=used_now))
            used = used or used_now
    return tuple(found)


def size_bytes(root: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def _caches() -> Iterator[tuple[str, Path, bool]]:
    """Yield what names a root, the root, and whether runs look for it there."""
    for where, root in usable_caches():
        yield where, root, True
    for root in sorted(cache_dir().glob("stand-ins-*")):
        yield "stand-ins", root, False
    yield "pulled", pulled_root("libero-plus"), False


def _described(where: str, root: Path) -> AssetRoot:
    size = size_bytes(root)
    if missing_folders(root) or (where != ENVIRONMENT_VARIABLE and is_interrupted(root)):
        return AssetRoot(where, root, None, None, size, used=False)
    return AssetRoot(where, root, *identify(root), size, used=False)
