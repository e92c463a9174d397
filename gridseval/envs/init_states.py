"""Read LIBERO's initial-state files without running what they contain.

The files are zip archives with one pickle of one float64 array (protocol facts, version trap 6);
``torch.load(weights_only=False)``, which everyone uses, would execute any pickle put there.
"""

from __future__ import annotations

import _codecs
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import MachineError

_MAX_BYTES = 64 * 1024 * 1024


def read_init_states(path: Path) -> NDArray[np.float64]:
    """Return the stored initial states of a task.

    Args:
        path: A ``.pruned_init`` file.

    Returns:
        float64 (trials, 1 + nq + nv): time, qpos, qvel of each trial.

    Raises:
        MachineError: The file is missing, broken, or holds anything but one float64 array.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            if archive.getinfo(member).file_size > _MAX_BYTES:
                raise ValueError(f"larger than {_MAX_BYTES} bytes")
            states = _ArrayUnpickler(io.BytesIO(archive.read(member))).load()
        if not isinstance(states, np.ndarray) or states.dtype != np.float64 or states.ndim != 2:
            raise ValueError("not a float64 array of two dimensions")
    except Exception as error:  # a broken pickle may raise anything
        reason = str(error) or type(error).__name__
        raise MachineError(
            f"initial states cannot be read from {path}: {reason}",
            "reinstall the package: pip install --force-reinstall --no-deps hf-libero==0.1.4",
        ) from error
    return states


class _ArrayUnpickler(pickle.Unpickler):
    """Knows the four names that a pickled float64 array needs, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): _codecs.encode,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"refused: the file asks for {module}.{name}")
        return allowed[module, name]


def _reconstruct(kind: type, _shape: object, _typecode: bytes) -> NDArray[Any]:
    """Stand in for numpy's function of this name, which moved between numpy 1 and 2."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError(f"refused: an array of kind {kind!r}")
    return np.ndarray((0,), dtype=np.uint8)  # the pickled state brings shape and dtype
