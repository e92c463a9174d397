"""PNG files whose bytes depend on nothing but the pixels.

Compressors differ from one zlib to the next, and the content hash of the models must not: images
are stored as deflate's uncompressed blocks. They lie in a cache, where a few megabytes matter less.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BLOCK = 65535
_TRUE_COLOUR = 2


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image, uint8 (height, width, 3), making missing folders."""
    height, width, _ = image.shape
    # Every row begins with the number of its filter: none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, _TRUE_COLOUR, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", _stored(rows.tobytes())), (b"IEND", b""))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks))


def _stored(data: bytes) -> bytes:
    """Return a zlib stream of uncompressed blocks."""
    blocks = [data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK)]
    last = len(blocks) - 1
    body = b"".join(
        struct.pack("<BHH", number == last, len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks)
    )
    return b"\x78\x01" + body + struct.pack(">I", zlib.adler32(data))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
