"""Replacing files so that a kill or a full disk never spoils what was written before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.output_files import destination, is_special, pour, put_in_place, temporary_name


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file, so that at any moment the old or the new one is there, whole.

    A symbolic link stays one, and the file that it leads to keeps its mode. A pipe or a device is
    written to.

    Args:
        path: The file.
        content: A text is written as UTF-8, and what UTF-8 does not have with backslashes.

    Raises:
        OutputError: The file cannot be written; the old one is untouched.
    """
    held = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with os_errors(f"cannot write {path}", hint=RUN_HINTS):
        if is_special(path):
            pour(held, path)
            return
        target = destination(path)
        temporary = target.with_name(temporary_name(target.name))
        try:
            temporary.unlink(missing_ok=True)  # of a killed process; a link there is not followed
            private = 0o600 if target.exists() else 0o666  # until it has the old one's mode
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, private), "wb") as to:
                to.write(held)
                to.flush()
                os.fsync(to.fileno())
            put_in_place(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)


def _sync_directory(directory: Path) -> None:
    # Without it a power failure may undo the renaming. Some file systems cannot; they need not.
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
