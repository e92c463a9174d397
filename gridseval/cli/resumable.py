"""Long work that the same command goes on with after an interruption."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypeVar


class Closable(Protocol):
    """Shows something until it is closed."""

    def close(self) -> None:
        """Show no more."""


T = TypeVar("T", bound=Closable)


@contextlib.contextmanager
def resumable(out: Path, shown: T) -> Iterator[T]:
    """Show the progress of such work, and say how to go on when it is interrupted.

    Args:
        out: The folder that must be named again.
        shown: What shows it; closed in the end.
    """
    try:
        yield shown
    except KeyboardInterrupt as error:
        error.args = (f"the same command with --out {out} resumes",)
        raise
    finally:
        shown.close()
