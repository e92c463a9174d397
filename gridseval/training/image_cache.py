"""A dataset's images, decoded once into a file that is mapped into memory.

Decoding PNGs anew in every epoch would take longer than training on them.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from gridseval.errors import UsageError
from gridseval.os_errors import os_errors
from gridseval.policies.images import averaged
from gridseval.training.dataset import Dataset
from gridseval.training.tables import read_pngs

_LOCK = ".images.lock"
_HINTS = {
    errno.ENOSPC: "free some space, or name a folder on another disk with --cache",
    errno.EDQUOT: "free some space, or name a folder on another disk with --cache",
    errno.EACCES: "name a folder that you may write to with --cache",
    errno.EROFS: "name a folder that you may write to with --cache",
}


def cached_images(
    dataset: Dataset,
    cameras: Sequence[str],
    px: int,
    cache: Path | None = None,
    on_image: Callable[[int, int], None] = lambda *_: None,
) -> NDArray[np.uint8]:
    """Return all images, uint8 (N, cameras, px, px, 3), read-only and mapped into memory.

    Args:
        dataset: Whose.
        cameras: Which, in the model's order.
        px: Side that the model wants; larger images are averaged down.
        cache: Folder of the file; default: the dataset's own.
        on_image: Called with how many images are decoded, and of how many.

    Raises:
        UsageError: An image is damaged or smaller than ``px``, or was averaged to another side.
        OutputError: The file cannot be written.
    """
    dataset.provenance.check_px(dataset.path, px)
    name = f"images-{px}-{'-'.join(cameras)}-{dataset.sha256[:16]}.u8"
    path = (cache or dataset.path) / name
    shape = (dataset.frames, len(cameras), px, px, 3)
    size = int(np.prod(shape, dtype=np.int64))
    if not _is_whole(path, size):
        with os_errors(f"cannot write {path}", hint=_HINTS):
            path.parent.mkdir(parents=True, exist_ok=True)
            # One process decodes, and others that train on the same data wait for it.
            with FileLock(path.with_name(_LOCK)):
                if not _is_whole(path, size):
                    _write(path, dataset, cameras, px, on_image)
    with os_errors(f"cannot read {path}"):
        return np.memmap(path, np.uint8, "r", shape=shape)


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _write(
    path: Path,
    dataset: Dataset,
    cameras: Sequence[str],
    px: int,
    on_image: Callable[[int, int], None],
) -> None:
    # A plain file: on a full disk, writing to mapped memory would end the process.
    part = path.with_name(path.name + ".part")
    done = 0
    try:
        with os_errors(f"cannot write {path}", hint=_HINTS):
            with part.open("wb") as stream:
                for file in dataset.files:
                    views = [read_pngs(file, camera) for camera in cameras]
                    for row, pngs in enumerate(zip(*views, strict=True)):
                        for camera, png in zip(cameras, pngs, strict=True):
                            stream.write(_decoded(png, px, f"{file}, row {row}, {camera}"))
                        done += 1
                        on_image(done, dataset.frames)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _decoded(png: bytes, px: int, where: str) -> bytes:
    try:
        with Image.open(io.BytesIO(png)) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, TypeError, Image.DecompressionBombError) as error:
        raise UsageError(
            f"{where}: no image: {error}", "the dataset is damaged; collect it again"
        ) from error
    if image.width != image.height or image.width < px:
        raise UsageError(
            f"{where}: the image has {image.width} x {image.height} pixels, the model wants "
            f"{px} x {px}",
            f"collect with --image-px {px}",
        )
    return averaged(np.asarray(image), px).tobytes()
