"""The stand-ins in the user's cache: built once per description, and atomically.

The folder's name is a hash of the source code that builds it, so that each version of gridseval has
its own. It is built beside its place and renamed. If two processes build at once, one discards its
equal copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
from pathlib import Path

from gridseval.assets.declared import declare
from gridseval.assets.hashing import content_hash
from gridseval.assets.manifest import Manifest, write_manifest
from gridseval.assets.standins.build import build
from gridseval.errors import MachineError

_SEAL = "contents.sha256"
_ATTEMPTS = 3
_FORGOTTEN_S = 3600.0  # a build takes seconds


def standins_root(cache: Path) -> Path:
    """Return the asset root of the stand-ins, building it if the cache has none or a damaged one.

    Args:
        cache: Folder for built assets, such as ``platformdirs.user_cache_dir("gridseval")``; made
            if it does not exist.

    Returns:
        The absolute path of a folder laid out like LIBERO's own assets.

    Raises:
        MachineError: The cache cannot be written.
    """
    root = cache.resolve() / f"stand-ins-{description_hash()[:16]}"
    try:
        for _ in range(_ATTEMPTS):
            if _is_whole(root):
                return root
            _build_into_place(root)
    except OSError as error:
        raise MachineError(
            f"the stand-in assets cannot be built in {cache}: {error.strerror or error}",
            "XDG_CACHE_HOME names another place for caches, --assets PATH a folder of assets",
        ) from error
    raise MachineError(
        f"the stand-in assets in {root} change while they are being built",
        "is another program cleaning this folder? Remove it and try again",
    )


def description_hash(source: Path | None = None) -> str:
    """Return the SHA-256, hexadecimal, over the files that the stand-ins are built from.

    Args:
        source: Another folder of such files than the package's own.
    """
    source = source or Path(__file__).parent
    total = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        if path.suffix in {".py", ".yaml"}:
            total.update(path.relative_to(source).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _is_whole(root: Path) -> bool:
    """Return whether every file is as it was built."""
    try:
        return (root / _SEAL).read_text(encoding="ascii") == _files_hash(root)
    except (OSError, UnicodeError):
        return False


def _files_hash(root: Path) -> str:
    """Return the SHA-256, hexadecimal, over all files below a folder but its seal."""
    total = hashlib.sha256()
    for path in sorted(found for found in root.rglob("*") if found.is_file()):
        if path.name != _SEAL:
            total.update(path.relative_to(root).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _build_into_place(root: Path) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    _remove_forgotten(root)
    # Both folders lie beside the place, for only within one file system a rename is atomic.
    work = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        built = work / "built"
        build(built)
        write_manifest(built, Manifest("stand-ins", content_hash(built)), declare(built))
        (built / _SEAL).write_text(_files_hash(built), encoding="ascii")
        if root.exists() and not _is_whole(root):
            _move(root, work / "damaged")
        _move(built, root)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _remove_forgotten(root: Path) -> None:
    """Remove the leftovers of killed builds."""
    for work in root.parent.glob(".stand-ins-*"):
        with contextlib.suppress(OSError):  # another process has just removed it
            if time.time() - work.stat().st_mtime > _FORGOTTEN_S:
                shutil.rmtree(work, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    """Rename a folder, unless another process has done the same in the meantime."""
    try:
        source.rename(target)
    except FileNotFoundError:
        if source.exists():
            raise
    except OSError:
        # A folder with files in it is never overwritten: then the other's copy is the one to use.
        if not target.exists():
            raise
