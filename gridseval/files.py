"""Replacing files so that a kill or a full disk never spoils what was written before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from gridseval.os_errors import RUN_HINTS, os_errors


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file, so that at any moment the old or the new one is there, whole.

    Args:
        path: The file.
        content: A text is written as UTF-8, and what UTF-8 does not have with backslashes.

    Raises:
        OutputError: The file cannot be written; the old one is untouched.
    """
    held = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    temporary = path.with_name(temporary_name(path.name))
    with os_errors(f"cannot write {path}", hint=RUN_HINTS):
        try:
            with temporary.open("wb") as to:
                to.write(held)
                to.flush()
                os.fsync(to.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)


def temporary_name(name: str) -> str:
    """Return the name under which ``write_atomically`` prepares a file."""
    return f".{name}.new"


def _sync_directory(directory: Path) -> None:
    # Without it a power failure may undo the renaming. Some file systems cannot; they need not.
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
