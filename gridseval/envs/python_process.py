"""Python in other processes: with the imports of this one, and ending with it.

``python -m`` and ``python -c`` put the working directory first on ``sys.path``, so a ``numpy.py``
in a user's folder would be imported there though not here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from pathlib import Path
from typing import IO

BOUND = "bound"
"""Argument of a process that ends with the thread that started it."""

_PARENT_POLL_S = 2.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_MAX_QUOTE = 300
_TAIL_BYTES = 4096
_SIGBUS_HINT = " (is the memory of /dev/shm, or of the container, used up?)"
_ROOT = Path(__file__).resolve().parents[2]


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module as ``python -m`` would, but for its imports.

    Args:
        module: Its full name.
        arguments: What it finds in ``sys.argv``.
    """
    code = f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    return code_command(code, *arguments)


def code_command(code: str, *arguments: str) -> list[str]:
    """Return the command that runs code as ``python -c`` would, but for its imports.

    Args:
        code: Python source.
        arguments: What it finds in ``sys.argv``.
    """
    # The path comes as a literal: reading it from anywhere else would take an import.
    return [sys.executable, "-c", f"import sys; sys.path[:] = {_path()!r}\n{code}", *arguments]


def end_with_parent(bound: bool) -> None:
    """End this process when the parent is gone, even in the middle of a long computation.

    Args:
        bound: Whether the kernel may do it, which ends a stopped process, too. It looks at the
            thread that started this process, so that must be one that lives as long as the parent.
    """
    parent = os.getppid()
    if bound:
        with contextlib.suppress(OSError, AttributeError):  # not on every system
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)

    def watch() -> None:
        waiting = threading.Event()
        while not waiting.wait(_PARENT_POLL_S):
            if os.getppid() != parent:
                os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def ending(status: int) -> str:
    """Say how a process ended, by the status that ``subprocess`` has of it."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        hint = _SIGBUS_HINT if -status == signal.SIGBUS else ""
        return f"was ended by {signal.Signals(-status).name}{hint}"
    except ValueError:
        return f"was ended by signal {-status}"


def last_words(stderr: IO[bytes]) -> str:
    """Return a colon and the last line that a process wrote to its standard error, if any.

    Args:
        stderr: The file that it wrote to.
    """
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - _TAIL_BYTES))
    lines = stderr.read().decode(errors="replace").strip().splitlines()
    return f": {lines[-1][:_MAX_QUOTE]}" if lines else ""


def _path() -> list[str]:
    """Return ``sys.path`` without the empty entry, which means the working directory.

    Where only that entry led to gridseval, gridseval's own folder goes last.
    """
    path = [entry for entry in sys.path if isinstance(entry, str) and entry]
    return path if str(_ROOT) in path else [*path, str(_ROOT)]
