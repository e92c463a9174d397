"""Standard output and error as users have them: closed, full, unable to show a character.

Text of foreign origin (a server's error, a policy's name, a file's name) may hold characters that
move the cursor, set the window's title or clear the screen. None of them reaches the terminal.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any

from gridseval.foreign_text import without_controls

_GONE = (errno.EPIPE, errno.EIO)
"""The reader has closed the pipe; the terminal has hung up."""
_PLAIN = "gridseval.plain"
_SUBSTITUTES = str.maketrans(
    {
        **dict.fromkeys("–—−─━", "-"),
        **dict.fromkeys("│┃", "|"),
        **dict.fromkeys("·•", "*"),
        **{"…": "...", "×": "x", "→": "->", "±": "+-", "π": "pi", "✅": "", "❌": "", "❓": ""},
        **{"\u00a0": " ", "\u202f": " ", "“": '"', "”": '"', "‘": "'", "’": "'"},
    }
)


class PatientStream:
    """A text stream that shows what can be shown and never fails.

    It drops text once its reader is gone (``gridseval run | head``) or its disk is full, writes
    other characters for those that the encoding lacks, and escapes control characters. A carriage
    return stays at the beginning of a text, where progress bars write it.

    Args:
        stream: Where text goes; ``None`` where the process was started without it.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.lost: OSError | None = None
        """Why text was lost, if it was; a reader that has seen enough loses nothing."""

    def __getattr__(self, name: str) -> Any:
        if name == "buffer" or self._stream is None:
            raise AttributeError(name)  # bytes would pass by the checks; click looks for it
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:
        """The stream's encoding."""
        return str(getattr(self._stream, "encoding", None) or "utf-8")

    def isatty(self) -> bool:
        """Return whether a person is reading."""
        return self._stream is not None and bool(self._stream.isatty())

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        if not isinstance(text, str):
            raise TypeError(f"expected text, got {type(text).__name__}")
        if self._stream is not None and self.lost is None:
            with self._dropping():
                head = "\r" if text.startswith("\r") else ""
                self._stream.write(head + without_controls(text[len(head) :]))
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what is left."""
        if self._stream is not None:
            with self._dropping():
                self._stream.flush()

    @contextlib.contextmanager
    def _dropping(self) -> Iterator[None]:
        try:
            yield
        except UnicodeError:
            return  # an encoding that is none for terminals
        except ValueError:
            return  # the stream was closed
        except OSError as error:
            if error.errno not in _GONE:
                self.lost = error
            # What is still buffered would fail again, at the latest when the interpreter ends.
            with contextlib.suppress(OSError, ValueError):
                descriptor = self._stream.fileno()
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


@contextlib.contextmanager
def patient_streams() -> Iterator[PatientStream]:
    """Replace standard output and error inside the block; yields standard output."""
    _open_descriptors()
    codecs.register_error(_PLAIN, _substitute)
    out, err = sys.stdout, sys.stderr
    restored = [_forgiving(stream) for stream in (out, err)]
    patient = PatientStream(out)
    sys.stdout, sys.stderr = patient, PatientStream(err)
    try:
        yield patient
    finally:
        for shown in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                shown.flush()
        sys.stdout, sys.stderr = out, err
        stream: Any
        for stream, errors in zip((out, err), restored, strict=True):
            if errors is not None:
                with contextlib.suppress(Exception):
                    stream.reconfigure(errors=errors)


def _open_descriptors() -> None:
    """Open the standard descriptors that are closed, or a run's file would get their number.

    What a library or a child process prints would then be written into that file.
    """
    with contextlib.suppress(OSError):
        opened = os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
        while opened <= 2:
            opened = os.dup(opened)
        os.close(opened)


def _forgiving(stream: Any) -> str | None:
    """Let a stream replace what its encoding lacks; returns what it did before, for later."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is None:
        return None
    for errors in (_PLAIN, "replace"):  # some encodings know only their own ways
        with contextlib.suppress(Exception):
            before = str(stream.errors)
            "–".encode(stream.encoding, errors)
            reconfigure(errors=errors)
            return before
    return None


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_SUBSTITUTES)
    return "".join(char if char.isascii() else "?" for char in text), error.end
