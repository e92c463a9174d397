"""Appending so that a kill or a full disk never spoils what was written before."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from gridseval.os_errors import RUN_HINTS, os_errors


def append_line(descriptor: int, line: bytes, path: Path) -> None:
    """Append one line to a file and to the disk, or leave the file as it was.

    Args:
        descriptor: The file, opened with ``O_APPEND``; no other process may write it.
        line: Ends with a line feed.
        path: The file's name, for errors.

    Raises:
        OutputError: The line could not be written whole.
    """
    with os_errors(f"cannot append to {path}", hint=RUN_HINTS):
        size = os.fstat(descriptor).st_size
        try:
            _write_whole(descriptor, line)
            os.fsync(descriptor)
        except BaseException:
            # A line cut short would spoil the next one; if even this fails, the next opening cuts.
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise


def _write_whole(descriptor: int, line: bytes) -> None:
    written = os.write(descriptor, line)
    if written < len(line):
        # A second write says why the first one fell short (no space, a limit on the file's size).
        written += os.write(descriptor, line[written:])
    if written < len(line):
        raise OSError(errno.EIO, f"only {written} of {len(line)} bytes were written")
