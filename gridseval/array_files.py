"""Reads ``.npy`` files that may claim anything: no pickles, no memory beyond the file's size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridseval.plain_files import read_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_BYTES = 256 * 1024 * 1024  # an hour of actions has 2 MB
_NPY = b"\x93NUMPY"
_OTHERS = (
    (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file, not one of numpy.save"),
    (b"PK", "it is an archive with several arrays, or of something else"),
    (b"\x80", "it is a pickle, which could run code"),
)


def read_npy(path: Path) -> NDArray[Any]:
    """Return the array of a ``.npy`` file, of plain values.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not such a file, claims more than it holds, or holds Python objects.
    """
    import numpy as np  # here, since listing and reading records do not need it

    content = read_regular(path, _MOST_BYTES)
    if not content.startswith(_NPY):
        for beginning, reason in _OTHERS:
            if content.startswith(beginning):
                raise ValueError(reason)
        raise ValueError("it is not a file of numpy.save")
    try:
        array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    except ValueError as error:
        if "max_header_size" in str(error):  # numpy would have the file trusted
            raise ValueError("its header is too long") from None
        raise
    except MemoryError:
        raise ValueError("its header claims more than fits into memory") from None
    except Exception as error:  # a header is an expression, which can be wrong in any way
        raise ValueError(f"its header is broken: {str(error) or type(error).__name__}") from error
    return array
