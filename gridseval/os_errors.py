"""Turns errors of the operating system into errors that name what failed and why."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping

from gridseval.errors import GridsevalError, MachineError, OutputError, UsageError

RUN_HINTS: Mapping[int, str] = {
    errno.ENOSPC: "free some space, then give the same command again: finished episodes are kept",
    errno.EDQUOT: "your quota is used up; free some space, then give the same command again",
    errno.EFBIG: "the limit on the size of a file is reached (ulimit -f)",
    errno.EACCES: "choose a directory that you may write to",
    errno.EROFS: "choose a directory that you may write to",
}
"""Error number to the next step, where a run directory is written."""

_LONGEST_SHOWN = 200


@contextlib.contextmanager
def os_errors(
    message: str,
    raised: type[GridsevalError] = OutputError,
    hint: str | Mapping[int, str] | None = None,
) -> Iterator[None]:
    """Turn an ``OSError`` of the body into an error of gridseval's.

    Args:
        message: What failed, such as ``"cannot write runs/a/table.md"``; the reason is added, and
            the file at which it failed if the message does not name that.
        raised: The class of the error.
        hint: The next step, or one per error number.

    Raises:
        GridsevalError: The body raised an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        # Errors of numpy's and pyarrow's own have no strerror, and some have several lines.
        reason = error.strerror or " ".join(str(error).split())
        file = error.filename  # a number for an open file
        if isinstance(file, (str, os.PathLike)) and os.fspath(file) not in f"{message}: {reason}":
            reason = f"{reason}: {os.fspath(file)}"
        said = hint.get(error.errno or 0) if isinstance(hint, Mapping) else hint
        raise raised(f"{message}: {reason}", said) from error


_OF_MACHINE: Mapping[int, str] = {
    errno.EMFILE: "raise the limit on open files, such as ulimit -n 1024",
    errno.ENFILE: "this machine has too many open files",
    errno.ENOMEM: "this machine has too little free memory",
    errno.EAGAIN: "raise the limit on processes (ulimit -u), or use fewer workers",
}


def unforeseen(error: Exception) -> GridsevalError | None:
    """Return what the operating system or memory refused where no code foresaw it.

    Args:
        error: Any error that reached the command line.

    Returns:
        ``None`` if it is none of the machine's or a file's: a bug.
    """
    if isinstance(error, MemoryError):
        return MachineError("there is not enough memory", _OF_MACHINE[errno.ENOMEM])
    if not isinstance(error, OSError) or error.errno is None:
        return None
    reason = error.strerror or str(error)
    named = os.fspath(error.filename) if isinstance(error.filename, (str, os.PathLike)) else None
    if named is not None and len(named) > _LONGEST_SHOWN:
        named = f"{named[:_LONGEST_SHOWN]}…"
    where = "" if named is None else f"{named}: "
    if error.errno in _OF_MACHINE:
        return MachineError(f"{where}{reason}", _OF_MACHINE[error.errno])
    if error.errno in RUN_HINTS and error.errno not in (errno.EACCES, errno.EROFS):
        return OutputError(f"{where}{reason}", RUN_HINTS[error.errno])
    return UsageError(f"cannot use {named}: {reason}") if named is not None else None
