"""Reads ``.npy`` and ``.npz`` files that may claim anything: no pickles, bounded memory."""

from __future__ import annotations

import io
import zipfile
import zlib
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
    return _array(read_regular(path, _MOST_BYTES))


def read_npz(path: Path, most_bytes: int = _MOST_BYTES) -> dict[str, NDArray[Any]]:
    """Return the arrays of a ``.npz`` file by name.

    Args:
        path: The file.
        most_bytes: Of all arrays together, unpacked.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not such a file, is larger, claims more than it holds, names an array
            twice, or holds something else than arrays of plain values.
    """
    content = read_regular(path, most_bytes)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len({member.filename for member in members}) < len(members):
                raise ValueError("it names an array twice")
            found, left = {}, most_bytes
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    unpacked = file.read(left + 1)  # not what its header claims
                if len(unpacked) > left:
                    raise ValueError(f"its arrays have more than {most_bytes >> 20} MB")
                left -= len(unpacked)
                found[name] = _named_array(name, unpacked)
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is not an archive of numpy.savez: {error}") from error


def _named_array(name: str, content: bytes) -> NDArray[Any]:
    try:
        return _array(content)
    except ValueError as error:
        raise ValueError(f"{name[:60]!r}: {error}") from error


def _array(content: bytes) -> NDArray[Any]:
    import numpy as np  # here, since listing and reading records do not need it

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
