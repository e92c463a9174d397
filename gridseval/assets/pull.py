"""Pulls published assets: resumes, checks every file, and puts complete assets in place."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from gridseval.assets.archive import unpack_assets
from gridseval.assets.declared import DeclaredFile, faults
from gridseval.assets.hashing import content_hash
from gridseval.assets.hub import Hub, PatienceError, Snapshot
from gridseval.assets.identity import CUSTOM
from gridseval.assets.layout import missing_folders, pulled_root, staging_folder
from gridseval.assets.manifest import Manifest, write_manifest
from gridseval.assets.sources import SOURCES, Source
from gridseval.assets.transfer import Meter, Pace, Transfer, transfer_all
from gridseval.errors import MachineError
from gridseval.locking import try_acquire, unguarded
from gridseval.os_errors import os_errors

_MOST_NAMED = 5
_HINTS = {
    errno.ENOSPC: "free some space, then give the same command again: what came is kept",
    errno.EDQUOT: "your quota is used up; free some space, then give the same command again",
    errno.EACCES: "XDG_CACHE_HOME names another place for caches",
    errno.EROFS: "XDG_CACHE_HOME names another place for caches",
}


def pull(
    source: Source,
    hub: Hub,
    snapshot: Snapshot | None = None,
    to: Path | None = None,
    meter: Meter | None = None,
    again: bool = False,
    pace: Pace | None = None,
) -> Path:
    """Download a source's assets and put them where runs look for them.

    Two processes may do this at once: the second waits and finds them complete.

    Args:
        source: What to get.
        hub: Where from.
        snapshot: What the hub declares; default: asks the hub.
        to: The asset root to make; default: in the user's cache.
        meter: Called with the number of bytes just received.
        again: Pull them even if they are in place.
        pace: The speed that an automatic download needs; ``None`` for any speed.

    Returns:
        The asset root.

    Raises:
        PatienceError: The download is slower than ``pace``; the next call resumes.
        HubError: The hub cannot be reached, or a transfer breaks off; the next call resumes.
        MachineError: The files differ from what the hub declares, are unsafe, or cannot be written.
    """
    root = pulled_root(source.name) if to is None else to
    staging = staging_folder(root)
    with os_errors(f"assets cannot be stored in {root}", MachineError, _HINTS):
        root.parent.mkdir(parents=True, exist_ok=True)
        with _alone(root, pace):
            if again or missing_folders(root):
                asked = hub.snapshot(source) if snapshot is None else snapshot
                made = _stage(source, hub, asked, staging, meter or _ignore, pace)
                _put_in_place(made, root)
                shutil.rmtree(staging, ignore_errors=True)
    return root


def work_bytes(source: Source, asked: Snapshot) -> int:
    """Return how many bytes a pull counts: those to fetch and those to unpack."""
    if source.archive is None:
        return sum(file.size for file in asked.files)
    return 2 * sum(file.size for file in asked.files if file.path == source.archive)


@contextlib.contextmanager
def _alone(root: Path, pace: Pace | None) -> Iterator[None]:
    """Let one process at a time pull to a place."""
    lock = FileLock(root.with_name(f".{root.name}.lock"))
    try:
        if not try_acquire(lock, -1 if pace is None else pace.rest_s):
            logging.getLogger(__name__).warning(unguarded(root.parent))
    except Timeout as error:
        raise PatienceError("another program is still fetching them") from error
    try:
        yield
    finally:
        lock.release()


def _stage(
    source: Source,
    hub: Hub,
    asked: Snapshot,
    staging: Path,
    meter: Meter,
    pace: Pace | None,
) -> Path:
    """Fetch, check and describe the assets in a folder beside their place; return their root."""
    files = _wanted(source, hub, asked)
    fetched = staging / asked.commit
    _check_space(sum(file.size for file in files), source, staging)
    _fetch_all(source, hub, asked.commit, files, fetched, meter, pace)
    _refuse_corrupt(files, fetched, hub)
    made = fetched
    if source.archive is not None:
        made = staging / "unpacked"
        files = unpack_assets(fetched / source.archive, made, meter)
        _refuse_corrupt(files, made, hub)
    missing = missing_folders(made)
    if missing:
        raise MachineError(f"{source.repository} holds no asset root: no folder {missing[0]!r}")
    known = asked.commit == SOURCES[source.name].revision
    identity = source.name if known else CUSTOM
    digest = content_hash(made)
    write_manifest(made, Manifest(identity, digest, source.repository, asked.commit), files)
    return made


def _wanted(source: Source, hub: Hub, asked: Snapshot) -> tuple[DeclaredFile, ...]:
    if source.archive is None:
        return asked.files
    chosen = tuple(file for file in asked.files if file.path == source.archive)
    if not chosen:
        raise MachineError(f"{source.repository} of {hub.endpoint} has no {source.archive}")
    expected = source.archive_sha256 if asked.commit == source.revision else ""
    if expected and chosen[0].digest != expected:
        raise MachineError(
            f"{hub.endpoint} declares another {source.archive} than the one that "
            f"{source.repository} had at {asked.commit[:12]}",
            "is HF_ENDPOINT a mirror that can be trusted?",
        )
    return chosen


def _check_space(size: int, source: Source, staging: Path) -> None:
    """Check the free space before a long transfer starts."""
    if staging.exists():
        return
    # The constant counts what unpacking takes; a hub of another size knows its own better.
    needed = size * source.needed_bytes / source.size_bytes
    free = shutil.disk_usage(staging.parent).free
    if free < needed:
        raise MachineError(
            f"{source.name} needs {needed / 1e9:.1f} GB in {staging.parent}, "
            f"{free / 1e9:.1f} GB are free",
            "free some space, or choose another folder with --to",
        )


def _fetch_all(
    source: Source,
    hub: Hub,
    commit: str,
    files: Sequence[DeclaredFile],
    to: Path,
    meter: Meter,
    pace: Pace | None,
) -> None:
    """Fetch the files that are still missing."""

    def fetch(file: DeclaredFile, count: Meter) -> None:
        path = to / file.path
        if path.is_file() and path.stat().st_size == file.size:
            count(file.size)
        else:
            hub.download(source, commit, file, path, count)

    transfer_all([Transfer(file.size, partial(fetch, file)) for file in files], meter, pace)


def _refuse_corrupt(files: Sequence[DeclaredFile], root: Path, hub: Hub) -> None:
    """Compare every file with its declared hash; remove those that differ, and raise."""
    wrong = list(faults(root, files))
    if not wrong:
        return
    for line in wrong:
        (root / line.partition(": ")[0]).unlink(missing_ok=True)
    more = len(wrong) - _MOST_NAMED
    shown = "".join(f"\n  {line}" for line in wrong[:_MOST_NAMED])
    raise MachineError(
        f"{hub.endpoint} sent other files than it declares; gridseval does not use them:{shown}"
        + (f"\n  … {more} more" if more > 0 else ""),
        "give the same command again; it keeps the files that are right",
    )


def _put_in_place(made: Path, root: Path) -> None:
    """Rename the complete root into place, then remove the old one."""
    old = root.with_name(f".{root.name}.old-{os.getpid()}")
    if root.exists():
        root.replace(old)
    try:
        made.replace(root)
    except BaseException:
        if old.exists():
            old.replace(root)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _ignore(_: int) -> None:
    """Count nothing."""
