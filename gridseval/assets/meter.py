"""A progress bar for transfers, on a terminal."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from gridseval.assets.transfer import Meter


@contextlib.contextmanager
def shown_meter(what: str, size_bytes: int) -> Iterator[Meter]:
    """Show a bar on standard error if that is a terminal; nothing otherwise.

    Args:
        what: Name of what is transferred.
        size_bytes: Size of all of it.
    """
    from tqdm import tqdm

    lock = threading.Lock()
    # disable=None: no bar in a log, where every update would be a line.
    with tqdm(total=size_bytes, desc=what, unit="B", unit_scale=True, disable=None) as bar:

        def advance(count: int) -> None:
            with lock:
                bar.update(count)

        yield advance
