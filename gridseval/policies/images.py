"""How a policy family turns an observed frame into its input image.

Each family was trained behind its own chain of decoding, cropping and resizing; a grey level of
difference is harmless, another crop is another policy. The chains are written in policy cards, this
module computes them: Pillow where the families use Pillow (or what equals it), numpy elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gridseval.policies.tensorflow_images import (
    crop_and_resize,
    jpeg_round_trip,
    resize_lanczos3,
)
from gridseval.suites import MOST_PX
from gridseval.tokens.mapping import ImageMapping, centre_crop, resize_with_pad, rotated_by_180

Resize = Literal["lanczos3", "bilinear", "bilinear_pad", "area", "none"]


@dataclass(frozen=True)
class ImagePipeline:
    """The chain from an observed frame to a model's input image, in this order.

    Args:
        px: Side of the (square) input image; ``None`` leaves the frame's size.
        rotated: Whether the model wants the frame rotated by another 180° (that is, LIBERO's own
            orientation: what gridseval observes is rotated already, as most families train).
        jpeg_quality: Quality of a JPEG round trip before resizing, 1–100, or ``None``. OpenVLA's
            training data were JPEGs; its evaluation repeats that with TensorFlow's default of 95.
        resize: ``"lanczos3"``, ``"bilinear"`` (both with antialias) and ``"area"`` (means of
            rectangles, as ``gridseval collect --image-px`` makes them) ignore the aspect ratio,
            ``"bilinear_pad"`` keeps it and pads with black, ``"none"`` leaves the size.
        crop_area: Share of the area that a centre crop keeps after resizing, in (0, 1]; the crop is
            enlarged to ``px`` again, bilinearly (TensorFlow's ``crop_and_resize``).

    Raises:
        ValueError: A number is out of its range, or ``resize`` and ``px`` contradict each other.
    """

    px: int | None
    rotated: bool = False
    jpeg_quality: int | None = None
    resize: Resize = "none"
    crop_area: float | None = None

    def __post_init__(self) -> None:
        if self.px is not None and not 1 <= self.px <= MOST_PX:
            raise ValueError(f"px must be within 1 and {MOST_PX}, not {self.px}")
        if (self.px is None) != (self.resize == "none"):
            raise ValueError("px and resize go together: give both, or px: null and resize: none")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality must be within 1 and 100, not {self.jpeg_quality}")
        if self.crop_area is not None and not 0 < self.crop_area <= 1:
            raise ValueError(f"crop_area must be within 0 and 1, not {self.crop_area:g}")

    def apply(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return input images.

        Args:
            frames: uint8 (B, height, width, 3), as observed.

        Returns:
            uint8 (B, px, px, 3); (B, height, width, 3) without a resize.
        """
        if self == ImagePipeline(px=None):
            return frames
        return np.stack([self._one(frame) for frame in frames])

    def mapping(self, frame_px: tuple[int, int] = (256, 256)) -> ImageMapping:
        """Return where places on the input image lie on a frame.

        Args:
            frame_px: The frame's width and height.
        """
        mapping = rotated_by_180() if self.rotated else ImageMapping()
        if self.resize == "bilinear_pad" and self.px is not None:
            mapping = resize_with_pad(frame_px, (self.px, self.px)).after(mapping)
        if self.crop_area is not None:
            mapping = centre_crop(self.crop_area).after(mapping)
        return mapping

    def _one(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.rotated:
            frame = frame[::-1, ::-1]
        if self.jpeg_quality is not None:
            frame = jpeg_round_trip(frame, self.jpeg_quality)
        if self.px is not None:
            frame = _resized(frame, self.px, self.resize)
        return frame if self.crop_area is None else crop_and_resize(frame, self.crop_area)


def averaged(frame: NDArray[np.uint8], px: int) -> NDArray[np.uint8]:
    """Return a frame averaged to uint8 (px, px, 3), or the frame itself where it has that size.

    ``gridseval collect``, ``gridseval train`` and nano's runs share it: were their roundings
    others, a model would be shown other images than it was trained on.

    Args:
        frame: uint8 (height, width, 3).
        px: Side of the image.
    """
    if frame.shape[:2] == (px, px):
        return frame
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((px, px), Image.Resampling.BOX))


def _resized(frame: NDArray[np.uint8], px: int, resize: Resize) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    if (height, width) == (px, px):
        return frame
    if resize == "lanczos3":
        return resize_lanczos3(frame, px)
    if resize == "area":
        return averaged(frame, px)
    image = Image.fromarray(np.ascontiguousarray(frame))
    if resize == "bilinear":
        return np.asarray(image.resize((px, px), Image.Resampling.BILINEAR))
    # As openpi's own: sizes are cut to whole pixels, the odd one of the padding goes to the end.
    ratio = max(width / px, height / px)
    size = (int(width / ratio), int(height / ratio))
    resized = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    if size == (px, px):
        return resized
    padded = np.zeros((px, px, 3), np.uint8)
    left, top = (px - size[0]) // 2, (px - size[1]) // 2
    padded[top : top + size[1], left : left + size[0]] = resized
    return padded
