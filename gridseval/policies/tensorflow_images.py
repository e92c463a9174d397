"""TensorFlow's operations on images, to the grey level and without TensorFlow.

OpenVLA's family was trained behind them and evaluates behind them: JPEG, Lanczos, crop. They are
computed as TensorFlow does, in float32 and in its order where that decides, and compared with
values recorded from it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image


def jpeg_round_trip(frame: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return a frame as TensorFlow encodes it (4:2:0 chroma) and decodes it again.

    Pillow encodes to TensorFlow's bytes, but decodes otherwise: TensorFlow asks libjpeg for its
    fast integer cosine transform, and a rendered frame differs by 1.2 grey levels on average.
    """
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(
        buffer, "JPEG", quality=quality, subsampling="4:2:0"
    )
    decoded: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        buffer.getvalue(), fastdct=True, fastupsample=False
    )
    return decoded


def resize_lanczos3(frame: NDArray[np.uint8], px: int) -> NDArray[np.uint8]:
    """Return TensorFlow's ``resize(method="lanczos3", antialias=True)``, rounded and clipped.

    Pillow's filter is the same but rounds and clips between its two passes, which costs several
    grey levels where edges overshoot.
    """
    height, width = frame.shape[:2]
    flat = frame.reshape(height, width * 3)
    image = np.empty((px, px * 3), np.uint8)
    near: list[NDArray[np.intp]] = []
    # A strip at a time: arrays beyond malloc's threshold cost more in page faults than in sums.
    for first, low, weights in _lanczos_rows(height, px):
        lines = _product(weights, flat[low : low + weights.shape[1]])
        values = np.empty((len(weights), px * 3), np.float32)
        for start, left, across in _lanczos_columns(width, px):
            used, count = across.shape
            out = values[:, start : start + count]
            np.matmul(lines[:, left : left + used], across, out=out)
        np.clip(values, 0, 255, out=values)
        # Added a half, the cut to uint8 rounds; what with a little more would not is unsure.
        values += np.float32(0.5 - _UNSURE)
        levels = image[first : first + len(weights)]
        levels[...] = values
        values -= levels
        near.append(np.flatnonzero(values >= np.float32(1 - 2 * _UNSURE)) + first * px * 3)
    unsure = np.concatenate(near)
    if len(unsure):
        row, rest = np.divmod(unsure, px * 3)
        image[row, rest] = _lanczos_at(frame, px, row, *np.divmod(rest, 3))
    return image.reshape(px, px, 3)


_UNSURE = 1e-4
"""How near to the middle between two grey levels the order of a sum can decide."""


def _lanczos_at(
    frame: NDArray[np.uint8],
    px: int,
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    channel: NDArray[np.intp],
) -> NDArray[np.uint8]:
    """Return single values, summed in TensorFlow's order: down first, each sum from its start.

    BLAS sums in another order and with fused products, which is faster and in the last digit
    different; of what lies between two grey levels that digit decides.
    """
    rows, down = _lanczos_taps(frame.shape[0], px)
    columns, across = _lanczos_taps(frame.shape[1], px)
    used = frame[rows[row][:, :, None], columns[column][:, None], channel[:, None, None]]
    lines = np.zeros((len(row), columns.shape[1]), np.float32)
    for tap in range(rows.shape[1]):
        lines += down[row, tap, None] * used[:, tap]
    values = np.zeros(len(row), np.float32)
    for tap in range(columns.shape[1]):
        values += across[column, tap] * lines[:, tap]
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _product(weights: NDArray[np.float32], strip: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the product of weights (rows, used) and a strip (used, n), in pieces."""
    rows, used = weights.shape
    values = strip.astype(np.float32)
    made = np.empty((rows, values.shape[1]), np.float32)
    step = max(1, _MOST_PRODUCTS // (rows * used))
    for start in range(0, values.shape[1], step):
        piece = slice(start, start + step)
        np.matmul(weights, values[:, piece], out=made[:, piece])
    return made


_MOST_PRODUCTS = 1 << 18
"""Products of numbers above which OpenBLAS starts threads: where workers keep all cores busy,
waiting for threads takes longer than the sums."""

_ROWS, _COLUMNS = 56, 16
"""Output rows and columns per product: more waste weights that are zero, fewer waste calls."""

_Block = tuple[int, int, NDArray[np.float32]]
"""First output, first source, and weights of a block of outputs."""


@lru_cache(maxsize=16)
def _lanczos_rows(source: int, length: int) -> tuple[_Block, ...]:
    """Return blocks of output rows; weights are (rows, used)."""
    return tuple(_lanczos_blocks(source, length, _ROWS))


@lru_cache(maxsize=16)
def _lanczos_columns(source: int, length: int) -> tuple[_Block, ...]:
    """Return blocks of output columns of three channels side by side; weights are (used, columns).

    Multiplying by zeros of the other channels costs less than turning the image to keep them apart.
    """
    columns = _COLUMNS
    while columns > 1 and _ROWS * 9 * columns * (columns + 6) * source > _MOST_PRODUCTS * length:
        columns //= 2
    channels = np.eye(3, dtype=np.float32)
    return tuple(
        (3 * first, 3 * left, np.kron(weights.T, channels))
        for first, left, weights in _lanczos_blocks(source, length, columns)
    )


def _lanczos_blocks(source: int, length: int, count: int) -> Iterator[_Block]:
    weights = _lanczos_weights(source, length)
    for first in range(0, length, count):
        part = weights[first : first + count]
        used = np.flatnonzero(part.any(axis=0))
        yield first, int(used[0]), np.ascontiguousarray(part[:, used[0] : used[-1] + 1])


@lru_cache(maxsize=16)
def _lanczos_taps(source: int, length: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return of each output row the source rows it is made of, and their weights."""
    weights = _lanczos_weights(source, length)
    used = weights != 0
    first = used.argmax(axis=1)
    count = int((source - used[:, ::-1].argmax(axis=1) - first).max())
    taps = np.minimum(first[:, None] + np.arange(count), source - 1)
    inside = first[:, None] + np.arange(count) < source
    return taps, np.where(inside, np.take_along_axis(weights, taps, axis=1), np.float32(0))


@lru_cache(maxsize=16)
def _lanczos_weights(source: int, length: int) -> NDArray[np.float32]:
    """Return the weights of source rows in output rows, (length, source).

    In float32, step by step: of places around 200 it keeps five decimals.
    """
    one = np.float32(1)
    shrinkage = np.float32(one / (np.float32(length) / np.float32(source)))
    stretch = max(shrinkage, one)  # antialias: shrinking widens the kernel
    places = (np.arange(length, dtype=np.float32) + np.float32(0.5)) * shrinkage
    centres = np.arange(source, dtype=np.float32) + np.float32(0.5)
    weights = _lanczos_kernel(np.abs((centres - places[:, None]) * np.float32(one / stretch)))
    # Summed from the start: numpy's own sum adds halves.
    total = np.add.accumulate(weights, axis=1)[:, -1:]
    weights *= one / total
    return weights


def _lanczos_kernel(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the kernel of three lobes at distances of at least 0."""
    pi, lobes = np.float32(np.pi), np.float32(3)
    inside = np.where(distance <= np.float32(1e-3), np.float32(1), distance)
    # numpy's own sine of float32 is a digit off at times; rounded from float64 it is not.
    narrow, wide = (
        np.sin(angle, dtype=np.float64).astype(np.float32)
        for angle in (pi * inside, pi * inside / lobes)
    )
    value = lobes * narrow * wide / (pi * pi * inside * inside)
    value = np.where(distance <= np.float32(1e-3), np.float32(1), value)
    return np.where(distance > lobes, np.float32(0), value)


def crop_and_resize(frame: NDArray[np.uint8], area: float) -> NDArray[np.uint8]:
    """Return a centre crop, enlarged to the frame's size again, as TensorFlow computes it.

    Its ``crop_and_resize`` samples between pixels in float32, across and then down, from the box's
    corner to its corner; its ``convert_image_dtype`` takes v in [0, 1] to ⌊255.5 · v⌋.
    """
    height, width = frame.shape[:2]
    top, bottom, down = _crop_samples(height, area)
    left, right, across = _crop_samples(width, area)
    across = np.repeat(across, 3)
    pixels = np.ascontiguousarray(frame).view("V3")[..., 0]  # numpy takes wholes faster
    made = np.empty((height, width * 3), np.uint8)
    # A strip at a time, as for Lanczos.
    for first in range(0, height, _STRIP):
        strip = slice(first, first + _STRIP)
        low = top[first]
        part = pixels[low : bottom[strip][-1] + 1]
        lines, after = (
            part.take(places, axis=1).view(np.uint8).astype(np.float32) for places in (left, right)
        )
        lines *= np.float32(1 / 255)
        after *= np.float32(1 / 255)
        _go_on(lines, after, across)
        values, after = lines[top[strip] - low], lines[bottom[strip] - low]
        _go_on(values, after, down[strip, None])
        np.multiply(values, np.float32(255.5), out=made[strip], casting="unsafe")
    return made.reshape(frame.shape)


def _go_on(
    start: NDArray[np.float32], end: NDArray[np.float32], share: NDArray[np.float32]
) -> None:
    """Change ``start`` to ``start + (end − start) · share``, and ``end`` to what was added."""
    end -= start
    end *= share
    start += end


_STRIP = 28


@lru_cache(maxsize=16)
def _crop_samples(
    length: int, area: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the pixels before and after each sample, and its share of the way, in float32."""
    single = np.float32
    side = np.sqrt(single(area))
    low, last = single((1 - side) / single(2)), single(length - 1)
    step = single(single(single(low + side) - low) * last) / single(max(length - 1, 1))
    places: NDArray[np.float32] = np.arange(length, dtype=np.float32) * single(step)
    places += single(low * last)
    before = np.floor(places).astype(np.intp)
    after = np.minimum(np.ceil(places), length - 1).astype(np.intp)
    return before, after, (places - before).astype(np.float32)
