"""Turns errors of the operating system into errors that name what failed and why."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping

from gridseval.errors import GridsevalError, OutputError

RUN_HINTS: Mapping[int, str] = {
    errno.ENOSPC: "free some space, then give the same command again: finished episodes are kept",
    errno.EDQUOT: "your quota is used up; free some space, then give the same command again",
    errno.EFBIG: "the limit on the size of a file is reached (ulimit -f)",
    errno.EACCES: "choose a directory that you may write to",
    errno.EROFS: "choose a directory that you may write to",
}
"""Error number to the next step, where a run directory is written."""


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
        reason = error.strerror or str(error)  # numpy's own errors have no strerror
        file = error.filename  # a number for an open file
        if isinstance(file, (str, os.PathLike)) and os.fspath(file) not in f"{message}: {reason}":
            reason = f"{reason}: {os.fspath(file)}"
        said = hint.get(error.errno or 0) if isinstance(hint, Mapping) else hint
        raise raised(f"{message}: {reason}", said) from error
