"""Python in other processes: with the imports of this one, and ending with it.

``python -m`` and ``python -c`` put the working directory first on ``sys.path``, so a ``numpy.py``
in a user's folder would be imported there though not here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

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


class Child:
    """A process that runs a module of ours, and what this one has of it; to be closed.

    Attributes:
        connection: Leads to it.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], connection: Connection[Any, Any], stderr: IO[bytes]
    ) -> None:
        self.connection = connection
        self._process, self._stderr = process, stderr

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def kill(self) -> None:
        """End the process by force, and wait until it is gone; any thread may."""
        self._process.kill()
        self._process.wait()

    def ends_within(self, timeout_s: float) -> bool:
        """Wait for the process's end; return whether it came."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def how_it_ended(self, timeout_s: float) -> str:
        """Say how a process ended that has hung up, with its last words.

        Args:
            timeout_s: How long its end is waited for; one that lives on is killed.
        """
        if self.ends_within(timeout_s):
            how = ending(self._process.returncode)
        else:
            self.kill()
            how = f"hung up, and did not end within {timeout_s:g} s"
        return how + _last_words(self._stderr)

    def close(self) -> None:
        """Close what this process has of it, once it has ended."""
        with contextlib.suppress(OSError):
            self.connection.close()
        self._stderr.close()


def start_module(
    module: str,
    *arguments: str,
    descriptors: Sequence[int] = (),
    variables: Mapping[str, str] | None = None,
    send_limit_s: float | None = None,
) -> Child:
    """Start a process that runs a module, connected with this one.

    Args:
        module: Its full name.
        arguments: What it finds in ``sys.argv``, after the descriptor of its end of the connection.
        descriptors: Of files that it inherits, besides.
        variables: What is different in its environment.
        send_limit_s: After how long a message that it does not read raises ``BlockingIOError``
            here; ``None`` waits for it.

    Raises:
        OSError: It cannot be started.
    """
    with contextlib.ExitStack() as unfinished:
        ours, theirs = map(unfinished.enter_context, socket.socketpair())
        stderr = unfinished.enter_context(tempfile.TemporaryFile())
        if send_limit_s is not None:
            limit = struct.pack("ll", int(send_limit_s), int(send_limit_s % 1 * 1e6))
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        process = subprocess.Popen(  # noqa: S603
            module_command(module, str(theirs.fileno()), *arguments),
            pass_fds=(theirs.fileno(), *descriptors),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=None if variables is None else {**os.environ, **variables},
        )
        unfinished.pop_all()
    theirs.close()
    return Child(process, Connection(ours.detach()), stderr)


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


def _last_words(stderr: IO[bytes]) -> str:
    """Return a colon and the last line that a process wrote to its standard error, if any."""
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
