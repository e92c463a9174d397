"""Which asset roots are on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gridseval.envs.assets.identity import identify
from gridseval.envs.assets.layout import (
    cache_dir,
    is_interrupted,
    libero_package_cache,
    missing_folders,
    pulled_root,
)
from gridseval.envs.assets.roots import ENVIRONMENT_VARIABLE


@dataclass(frozen=True)
class Found:
    """An asset root on this machine.

    Attributes:
        where: What names it.
        root: The folder.
        identity: Which models it holds; ``None`` if it is not whole.
        hash: Their content hash; ``None`` if it is not whole.
        size_bytes: Of all files.
        used: Whether a run without ``--assets`` would use it.
    """

    where: str
    root: Path
    identity: str | None
    hash: str | None
    size_bytes: int
    used: bool


def list_assets() -> tuple[Found, ...]:
    """Return the roots that exist, in the order in which they are looked for."""
    found = []
    used = False
    for where, root, usable in _candidates():
        if root.is_dir():
            found.append(_described(where, root, usable and not used))
            used = used or found[-1].used
    return tuple(found)


def size_bytes(root: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def _candidates() -> Iterator[tuple[str, Path, bool]]:
    """Yield what names a root, the root, and whether runs look for it there."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        yield ENVIRONMENT_VARIABLE, Path(named).resolve(), True
    yield "pulled", pulled_root("libero"), True
    yield "libero's cache", libero_package_cache(), True
    for root in sorted(cache_dir().glob("stand-ins-*")):
        yield "stand-ins", root, False
    yield "pulled", pulled_root("libero-plus"), False


def _described(where: str, root: Path, usable: bool) -> Found:
    size = size_bytes(root)
    if missing_folders(root) or is_interrupted(root):
        return Found(where, root, None, None, size, used=False)
    name, digest = identify(root)
    return Found(where, root, name, digest, size, used=usable)
