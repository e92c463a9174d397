"""Long work that the same command goes on with after an interruption."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from gridseval.cli.progress import ClosableProgress, make_progress


@contextlib.contextmanager
def resumable(out: Path) -> Iterator[ClosableProgress]:
    """Show the progress of such work, and say how to go on when it is interrupted.

    Args:
        out: The folder that must be named again.
    """
    bar = make_progress()
    try:
        yield bar
    except KeyboardInterrupt as error:
        error.args = (f"the same command with --out {out} resumes",)
        raise
    finally:
        bar.close()
