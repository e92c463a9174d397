"""Observations in memory that a worker and the pool share.

An unlinked file stands behind it, so nothing is left over however the processes end.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import struct
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from gridseval.envs.spaces import CAMERAS
from gridseval.errors import MachineError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READY, _PREPARING, _MARKS = -1, -2, 10  # before these two bytes a double: when it was prepared
_STATE = (np.dtype(np.float32), (8,))
# Only for files without a name.
MEMORY_DISK = Path("/dev/shm")  # noqa: S108
"""Where Linux keeps files in memory; containers often limit it to 64 MB, or make it read-only."""


class SharedObservation:
    """Arrays of one slot's observation.

    Args:
        keys: Which of :data:`~gridseval.envs.spaces.ALL_OBSERVATION_KEYS`.
        image_px: Side of images.
        descriptor: The open file behind the memory, or ``None`` to make a new one.

    Raises:
        MachineError: Neither shared memory nor a temporary file of that size can be had.
    """

    def __init__(self, keys: Sequence[str], image_px: int, descriptor: int | None = None) -> None:
        image = (np.dtype(np.uint8), (image_px, image_px, 3))
        layout = {key: image if key in CAMERAS else _STATE for key in keys}
        sizes = {k: int(dtype.itemsize * np.prod(shape)) for k, (dtype, shape) in layout.items()}
        total = _MARKS + sum(sizes.values())  # the last bytes are the worker's marks
        self.descriptor = _new_file(total) if descriptor is None else descriptor
        self._memory = mmap.mmap(self.descriptor, total)
        self._arrays: dict[str, Any] = {}
        offset = 0
        for key, (dtype, shape) in layout.items():
            count = int(np.prod(shape))
            flat = np.frombuffer(self._memory, dtype=dtype, count=count, offset=offset)
            self._arrays[key] = flat.reshape(shape)
            offset += sizes[key]

    def write(self, observation: dict[str, Any]) -> dict[str, Any]:
        """Store the arrays and return what is left of the observation."""
        for key, array in self._arrays.items():
            array[...] = observation[key]
        return {key: value for key, value in observation.items() if key not in self._arrays}

    def read(self) -> dict[str, Any]:
        """Return copies of the arrays."""
        return {key: array.copy() for key, array in self._arrays.items()}

    @property
    def marked(self) -> bool:
        """Whether the worker has imported what it needs and made its environment."""
        return self._byte(_READY)

    def mark(self, ready: bool) -> None:
        """Note whether the worker is ready."""
        self._set_byte(_READY, ready)

    @property
    def preparing(self) -> bool:
        """Whether the worker imports or compiles what it needs before it simulates."""
        return self._byte(_PREPARING)

    @property
    def prepared_s(self) -> float:
        """When the worker was last done with that, as of ``time.monotonic()``; 0 before."""
        (at,) = struct.unpack_from("d", self._memory, len(self._memory) - _MARKS)
        return float(at)

    def prepare(self, begins: bool) -> None:
        """Note that the worker begins to import or compile, or is done with it."""
        if not begins and self.preparing:
            struct.pack_into("d", self._memory, len(self._memory) - _MARKS, time.monotonic())
        self._set_byte(_PREPARING, begins)

    def _byte(self, place: int) -> bool:
        return self._memory[place] != 0

    def _set_byte(self, place: int, value: bool) -> None:
        self._memory[len(self._memory) + place] = int(value)

    def close(self) -> None:
        """Close the file; the memory goes with the last array that shows it."""
        if self.descriptor >= 0:  # closed twice, the number may be another file's by then
            os.close(self.descriptor)
        self.descriptor = -1


def _new_file(size: int) -> int:
    """Return a file without a name whose bytes are there: a lack of them would kill a worker."""
    first = MEMORY_DISK if MEMORY_DISK.is_dir() else None
    try:
        return _reserved(first, size)
    except OSError as error:
        refused = f"{first or 'a temporary file'}: {error.strerror or error}"
    if first is not None:
        try:
            return _reserved(None, size)
        except OSError as error:
            refused += f"; a temporary file: {error.strerror or error}"
    raise MachineError(
        f"no memory for a worker's observations ({refused})",
        f"free some in {MEMORY_DISK} (docker run --shm-size=1g), or set TMPDIR to a folder that "
        "can be written; --workers 0 needs neither",
    )


def _reserved(folder: Path | None, size: int) -> int:
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno in _FULL:
                raise
            _write_zeros(file, size)  # not every file system can reserve
        with contextlib.closing(mmap.mmap(file.fileno(), size)):
            return os.dup(file.fileno())


def _write_zeros(file: IO[bytes], size: int) -> None:
    file.write(bytes(size))
    file.flush()
