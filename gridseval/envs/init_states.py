"""Read LIBERO's initial-state files without running what they contain.

The files are zip archives with one pickle of one float64 array (trap 6 of
docs/explanation/protocol-and-traps.md). ``torch.load(weights_only=False)``, which everyone uses,
would execute any pickle put there.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.demonstrations import SUFFIXES, first_states
from gridseval.envs.libero_package import package_root
from gridseval.errors import MachineError

_MAX_BYTES = 64 * 1024 * 1024
_MAX_MEMO = 1000
_PLUS = "libero_newobj"  # the folder of LIBERO-Plus's layouts
_REINSTALL = "reinstall the package: pip install --force-reinstall --no-deps hf-libero==0.1.4"


def read_init_states(path: Path) -> NDArray[np.float64]:
    """Return the stored initial states of a task.

    Args:
        path: A ``.pruned_init`` file, or one of demonstrations, whose first states count;
            LIBERO-Plus's layouts store the numbers of one trial only.

    Returns:
        float64 (trials, 1 + nq + nv): time, qpos, qvel of each trial.

    Raises:
        MachineError: The file is missing, broken, or holds anything but one float64 array.
    """
    if path.suffix in SUFFIXES:
        return first_states(path)
    try:
        return _load(_member(path))
    except Exception as error:  # a broken pickle may raise anything
        reason = str(error) or type(error).__name__
        again = "clone LIBERO-Plus again" if _PLUS in path.parts else _again(path)
        raise MachineError(f"initial states cannot be read from {path}: {reason}", again) from error


def _again(path: Path) -> str:
    """Return what to do about a broken file of LIBERO's or of a custom suite."""
    inside = path.is_relative_to(package_root())
    return _REINSTALL if inside else "write it as LIBERO's: torch.save of a float64 array"


def _member(path: Path) -> bytes:
    """Return the archive's pickle, as bytes."""
    if path.exists() and not path.is_file():
        raise ValueError("no regular file")  # opening a pipe would wait for its writer
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if not names:
            raise ValueError("the archive holds no data.pkl")
        if archive.getinfo(names[0]).file_size > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES} bytes")
        return archive.read(names[0])


def _load(pickled: bytes) -> NDArray[np.float64]:
    for opcode, argument, _ in pickletools.genops(pickled):
        # The unpickler allocates as many places as the largest index asks for.
        if opcode.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > _MAX_MEMO:
            raise ValueError(f"refused: it remembers {argument} things")
    found = _ArrayUnpickler(io.BytesIO(pickled)).load()
    if not isinstance(found, _Array) or found.values is None or found.values.ndim not in (1, 2):
        raise ValueError("not a float64 array of one or two dimensions")
    if not np.isfinite(found.values).all():
        raise ValueError("not all numbers are finite")
    return np.atleast_2d(found.values)


class _ArrayUnpickler(pickle.Unpickler):
    """Knows the names that a pickled float64 array needs, and no other.

    It maps each to a class of this module: with a damaged pickle, numpy's crash the interpreter.
    """

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): _Array,
            ("numpy._core.multiarray", "_reconstruct"): _Array,  # from numpy 2 on
            ("numpy", "ndarray"): _ArrayKind,
            ("numpy", "dtype"): _Dtype,
            ("_codecs", "encode"): _Latin1,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"refused: the file asks for {module}.{name}")
        return allowed[module, name]


class _ArrayKind:
    """Stands for ``numpy.ndarray``, which a pickle names but need not construct."""


class _Dtype:
    """Stands for ``numpy.dtype``: its code, then in the state its byte order."""

    def __init__(self, code: object, *_: object) -> None:
        self._code = code
        self.is_float64 = False

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.is_float64 = (self._code, state[1]) == ("f8", "<")


class _Latin1(bytes):
    """Stands for ``_codecs.encode``, by which old protocols write bytes as text."""

    def __new__(cls, text: str, encoding: str) -> _Latin1:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"refused: text as {encoding!r}")
        return super().__new__(cls, text.encode("latin1"))


class _Array:
    """Stands for the array under construction; its state brings shape, type, order and bytes."""

    def __init__(self, *_: object) -> None:
        self.values: NDArray[np.float64] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, is_fortran, raw = state
        if not isinstance(dtype, _Dtype) or not dtype.is_float64:
            raise ValueError("not a float64 array of two dimensions")
        values = np.frombuffer(raw, dtype="<f8").reshape(shape, order="F" if is_fortran else "C")
        self.values = values.astype(np.float64)
