"""Hashes of files and of whole asset roots."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Literal, TypeAlias

Algorithm: TypeAlias = Literal["sha256", "git", "crc32"]
"""How a hub declares a file: its SHA-256, git's SHA-1 of a blob, or a zip's CRC-32."""

MODEL_FILES = frozenset({".xml", ".obj", ".stl", ".msh", ".mtl", ".png", ".jpg", ".jpeg"})
"""Endings of files that MuJoCo may read; no other file can change what is simulated or seen."""

_CHUNK_BYTES = 1 << 20


def content_hash(root: Path) -> str:
    """Return the SHA-256 over names and contents of all model files below ``root``, hexadecimal."""
    total = hashlib.sha256()
    for path in model_files(root):
        total.update(path.relative_to(root).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def model_files(root: Path) -> list[Path]:
    """Return the model files below ``root``, sorted by name."""
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in MODEL_FILES)


def file_digest(path: Path, algorithm: Algorithm) -> str:
    """Return a file's digest as the hub or the archive that declares it computes it.

    Args:
        path: The file.
        algorithm: ``"git"`` is the SHA-1 of ``blob``, a space, the size, a zero byte, and the
            content, as in git's object store ("Git Internals: Git Objects", Pro Git, chapter 10).
    """
    if algorithm == "crc32":
        return f"{_crc32(path):08x}"
    if algorithm == "sha256":
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _crc32(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            value = zlib.crc32(chunk, value)
    return value
