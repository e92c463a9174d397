"""Where a place on the model's input image lies on the camera's frame.

A policy card says how frames become the model's input: rotate, crop, resize, pad. Each is affine,
so their product is too; its inverse takes a token's place back to the frame that a video shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ImageMapping:
    """An affine map, per axis, from the model's input image to the observed frame.

    Both sides are in [0, 1], x to the right and y down, edge to edge (not centre to centre). The
    frame is the observation: LIBERO's image rotated by 180°, as ``agentview`` and ``wrist`` are.

    Attributes:
        scale: Frame units per model-image unit, x and y; negative where an axis is mirrored.
        offset: Place on the frame of the model image's (0, 0).

    The 90 % centre crop of the OpenVLA family is ``ImageMapping((0.94868,) * 2, (0.02566,) * 2)``.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def to_frame(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return places on the frame, float64 (..., 2), of places on the model's input image.

        They may lie outside [0, 1]: padding is on the model's image and not on the frame.

        >>> rotated_by_180().to_frame(np.array([[0.25, 0.0], [0.5, 0.5]])).tolist()
        [[0.75, 1.0], [0.5, 0.5]]
        """
        return np.asarray(points, np.float64) * self.scale + self.offset

    def after(self, earlier: ImageMapping) -> ImageMapping:
        """Return the map of two steps: frame → ``earlier`` → this → model image.

        >>> quarter = centre_crop(0.25)
        >>> quarter.after(quarter) == centre_crop(0.0625)
        True
        """
        scale = tuple(a * b for a, b in zip(earlier.scale, self.scale, strict=True))
        offset = tuple(
            a * b + c for a, b, c in zip(earlier.scale, self.offset, earlier.offset, strict=True)
        )
        return ImageMapping((scale[0], scale[1]), (offset[0], offset[1]))


def centre_crop(area: float) -> ImageMapping:
    """Return the map of a centre crop that keeps this share of the area, in (0, 1].

    >>> centre_crop(0.25)
    ImageMapping(scale=(0.5, 0.5), offset=(0.25, 0.25))
    """
    side = float(np.sqrt(area))
    return ImageMapping((side, side), ((1 - side) / 2,) * 2)


def rotated_by_180() -> ImageMapping:
    """Return the map of a model that wants its images rotated by 180°."""
    return ImageMapping((-1.0, -1.0), (1.0, 1.0))


def resize_with_pad(frame: tuple[int, int], model: tuple[int, int]) -> ImageMapping:
    """Return the map of a resize that keeps the aspect ratio and pads both sides equally.

    Args:
        frame: Width and height of the frame in pixels.
        model: Width and height of the model's input image in pixels.

    A frame twice as wide as high fills the middle half of a square model image:

    >>> resize_with_pad((256, 128), (224, 224))
    ImageMapping(scale=(1.0, 2.0), offset=(0.0, -0.5))
    """
    ratio = max(frame[0] / model[0], frame[1] / model[1])
    scale = (model[0] * ratio / frame[0], model[1] * ratio / frame[1])
    return ImageMapping(scale, ((1 - scale[0]) / 2, (1 - scale[1]) / 2))
