"""Joins two episodes' videos side by side, to show where they part."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gridseval.video.decoder import Clip, open_clip
from gridseval.video.encoder import Mp4Encoder

LABEL_HEIGHT_PX = 32
_BLOCK_PX = 16


def write_side_by_side(
    first: Path, second: Path, to: Path, labels: tuple[str, str] = ("A", "B")
) -> Path:
    """Write a video with two others side by side, each below its label.

    It decodes and encodes one frame at a time. The shorter video's last frame stays to the end.
    The frame rate is the first one's; a video of another height stands at the top.

    Args:
        first: An mp4 file, shown on the left.
        second: An mp4 file, shown on the right.
        to: The new video, ending in ``.mp4``; its folder exists.
        labels: Shown above each, shortened where they do not fit.

    Returns:
        ``to``.

    Raises:
        MachineError: There is no ffmpeg.
        OutputError: A video cannot be decoded, or the new one cannot be written.
    """
    with contextlib.ExitStack() as opened:
        clips = [opened.enter_context(open_clip(path)) for path in (first, second)]
        height = -(-max(clip.height for clip in clips) // _BLOCK_PX) * _BLOCK_PX
        strips = [_label(text, clip.width) for text, clip in zip(labels, clips, strict=True)]
        width = -(-sum(clip.width for clip in clips) // _BLOCK_PX) * _BLOCK_PX
        encoder = Mp4Encoder(to, width, height + LABEL_HEIGHT_PX, clips[0].fps)
        opened.callback(encoder.abort)
        for shown in _together(*clips):
            frame = np.zeros((height + LABEL_HEIGHT_PX, width, 3), np.uint8)
            left = 0
            for clip, strip, image in zip(clips, strips, shown, strict=True):
                columns = slice(left, left + clip.width)
                frame[:LABEL_HEIGHT_PX, columns] = strip
                frame[LABEL_HEIGHT_PX : LABEL_HEIGHT_PX + clip.height, columns] = image
                left += clip.width
            encoder.write(frame)
        return encoder.finish()


def _together(one: Clip, other: Clip) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    shown = next(one.frames), next(other.frames)
    while True:
        yield shown
        following = next(one.frames, None), next(other.frames, None)
        if following[0] is None and following[1] is None:
            return
        shown = (
            shown[0] if following[0] is None else following[0],
            shown[1] if following[1] is None else following[1],
        )


def _label(text: str, width: int) -> NDArray[np.uint8]:
    image = Image.new("RGB", (width, LABEL_HEIGHT_PX), (24, 26, 30))
    font = ImageFont.load_default(16)
    shown = text
    while len(shown) > 1 and font.getlength(shown) > width - 16:
        shown = shown.rstrip("…")[:-1] + "…"
    ImageDraw.Draw(image).text((8, 6), shown, font=font, fill=(255, 255, 255))
    return np.asarray(image, np.uint8)
