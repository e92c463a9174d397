"""Locks of the operating system, and file systems that have none (some NFS, FUSE and Lustre)."""

from __future__ import annotations

import errno
import fcntl
import warnings
from pathlib import Path

from filelock import FileLock

_WITHOUT = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


def try_flock(descriptor: int) -> bool:
    """Lock an open file for this process alone.

    Returns:
        Whether it is locked; ``False`` where the file system has no locks.

    Raises:
        BlockingIOError: Another process has locked it.
        OSError: It cannot be locked for another reason.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _WITHOUT:
            return False
        raise
    return True


def try_acquire(lock: FileLock, timeout_s: float) -> bool:
    """Acquire a lock of ``filelock``.

    Args:
        lock: The lock.
        timeout_s: How long to wait for another process; negative waits without limit.

    Returns:
        Whether it is locked; ``False`` where the file system has no locks.

    Raises:
        filelock.Timeout: Another process has it.
        OSError: It cannot be locked for another reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it falls back to a file, which is a lock, too
            lock.acquire(timeout=timeout_s)
    except NotImplementedError:  # what earlier versions of filelock raise for ENOSYS
        return False
    except OSError as error:
        if error.errno in _WITHOUT:
            return False
        raise
    return True


def unguarded(place: Path) -> str:
    """Return what to tell the user where nothing could be locked."""
    return (
        f"the file system of {place} has no locks: nothing guards it against a second process that "
        "writes there, so start only one"
    )
