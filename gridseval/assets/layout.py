"""The places of asset roots, and the folders that each must have."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from gridseval.assets.sources import LIBERO, Source
from gridseval.errors import MachineError

FOLDERS = ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects")
"""Folders that every scene of LIBERO needs."""


def cache_dir() -> Path:
    """Return gridseval's folder in the user's cache; it need not exist."""
    return Path(platformdirs.user_cache_dir("gridseval"))


def temporary_cache_dir() -> Path:
    """Return a folder that replaces a cache that cannot be written. Makes it.

    Its name has the user's number, so that later runs find what an earlier one built.

    Raises:
        MachineError: There is no folder that only this user can write.
    """
    hint = "set TMPDIR to a folder that can be written"
    try:
        path = Path(tempfile.gettempdir()) / f"gridseval-{os.getuid()}"
    except OSError as error:
        raise MachineError(f"there is no temporary folder: {error.strerror}", hint) from error
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise MachineError(f"{path} cannot be made: {error.strerror}", hint) from error
    # Another user may have put a folder of this name there, with their own assets.
    if path.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise MachineError(f"{path} can be written by others", "remove it, or set TMPDIR")
    return path


def pulled_root(name: str) -> Path:
    """Return the place of assets that are pulled under a name of ``SOURCES``."""
    return cache_dir() / ("assets" if name == "libero" else f"{name}/assets")


def libero_package_cache() -> Path:
    """Return where the ``libero`` package puts the assets that it downloads."""
    return Path.home() / ".cache" / "libero" / "assets"


def hub_cache() -> Path:
    """Return the cache of huggingface_hub, by the variables that it reads; it need not exist."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.path.expandvars(os.environ[name])).expanduser()
    home = os.environ.get("HF_HOME")
    if not home:
        caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        home = str(Path(caches) / "huggingface")
    return Path(os.path.expandvars(home)).expanduser() / "hub"


def hub_snapshots(source: Source) -> tuple[Path, ...]:
    """Return the commits of a source that the hub's cache has whole, the best one first.

    The best is the commit that runs compare on, then the one that the default branch was at when
    it was last asked for, then the newest. Files are links into ``blobs``; where one leads nowhere,
    or one is still being fetched, a commit is not whole.
    """
    folder = hub_cache() / f"datasets--{source.repository.replace('/', '--')}"
    try:
        main = _text(folder / "refs" / "main")
        found = [each for each in (folder / "snapshots").iterdir() if each.is_dir()]
        if any((folder / "blobs").glob("*.incomplete")):
            return ()
        newest = {each: each.stat().st_mtime for each in found}
        found.sort(key=lambda e: (e.name != source.revision, e.name != main, -newest[e]))
        return tuple(each for each in found if not missing_folders(each) and _is_whole(each))
    except OSError:  # no such cache, or one that may not be read
        return ()


def usable_caches() -> Iterator[tuple[str, Path]]:
    """Yield what names a folder where runs look for LIBERO's assets, in order, and the folder."""
    yield "pulled", pulled_root(LIBERO.name)
    yield "libero's cache", libero_package_cache()
    for snapshot in hub_snapshots(LIBERO):
        yield "the hub's cache", snapshot


def _is_whole(root: Path) -> bool:
    return all(path.exists() for path in root.rglob("*") if path.is_symlink())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf8").strip()
    except (OSError, ValueError):
        return ""


def staging_folder(root: Path) -> Path:
    """Return where assets are until they are complete: beside their place, on the same disk."""
    return root.with_name(f".{root.name}.partial")


def missing_folders(root: Path) -> list[str]:
    """Return the folders that every root must have and that this one lacks."""
    return [name for name in FOLDERS if not (root / name).is_dir()]


def is_interrupted(root: Path) -> bool:
    """Whether the ``libero`` package's download, which is not atomic, was cut off."""
    return any((root / ".cache" / "huggingface").rglob("*.incomplete"))
