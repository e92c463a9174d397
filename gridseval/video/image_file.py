"""Write an image file atomically."""

from __future__ import annotations

import contextlib
from pathlib import Path

from PIL import Image

from gridseval.os_errors import os_errors
from gridseval.output_files import put_in_place


def save_image(image: Image.Image, path: Path, quality: int = 80) -> Path:
    """Write an image as its suffix says, and return the path.

    Args:
        image: What to write.
        path: PNG or JPEG; replaces an existing file.
        quality: Of a JPEG, 1–95; a PNG has none.

    Raises:
        OutputError: The file cannot be written; an earlier one stays as it was.
    """
    part = path.with_suffix(f".part{path.suffix}")
    try:
        with os_errors(f"cannot write {path}"):
            image.save(part, optimize=True, quality=quality)
            return put_in_place(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
