"""Output whose reader may close the pipe: the run goes on and keeps its exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any

_GONE = (errno.EPIPE, errno.EIO)
"""The reader has closed the pipe; the terminal has hung up."""


class PatientStream:
    """A text stream that drops text once its reader is gone (``gridseval run | head``).

    Args:
        stream: Where text goes until its reader closes it.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        with self._without_reader():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what is left."""
        with self._without_reader():
            self._stream.flush()

    @contextlib.contextmanager
    def _without_reader(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _GONE:
                raise
            # What is still buffered would fail again, at the latest when the interpreter ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def patient_streams() -> Iterator[None]:
    """Ignore a reader that closes its pipe inside the block."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = PatientStream(out), PatientStream(err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
