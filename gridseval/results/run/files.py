"""Writing so that a kill or a full disk never spoils what was written before."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.output_files import destination, is_special, pour, put_in_place, temporary_name


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by a text, so that at any moment the old or the new one is there, whole.

    A symbolic link stays one, and the file that it leads to keeps its mode. A pipe or a device is
    written to.

    Raises:
        OutputError: The file cannot be written; the old one is untouched.
    """
    content = text.encode("utf-8", "backslashreplace")
    with os_errors(f"cannot write {path}", hint=RUN_HINTS):
        if is_special(path):
            pour(content, path)
            return
        target = destination(path)
        temporary = target.with_name(temporary_name(target.name))
        try:
            temporary.unlink(missing_ok=True)  # of a killed process; a link there is not followed
            private = 0o600 if target.exists() else 0o666  # until it has the old one's mode
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, private), "wb") as to:
                to.write(content)
                to.flush()
                os.fsync(to.fileno())
            put_in_place(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)


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


def _sync_directory(directory: Path) -> None:
    # Without it a power failure may undo the renaming. Some file systems cannot; they need not.
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
