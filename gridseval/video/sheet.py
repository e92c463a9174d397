"""Four moments of an episode as one PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gridseval.status import Status
from gridseval.tokens.mapping import ImageMapping
from gridseval.tokens.token_trace import TokenTrace
from gridseval.video.caption import OUTCOME_RGB, font_of, shorten, token_counts
from gridseval.video.episode import ending
from gridseval.video.image_file import save_image
from gridseval.video.picture import BACKGROUND_RGB, Picture

LABEL_HEIGHT_PX, FOOTER_HEIGHT_PX = 36, 48
MARGIN_PX = 16
_LABEL_FONT_PX, _FOOTER_FONT_PX = 19, 24  # larger than a video's, as viewers scale sheets down
_TEXT_RGB, _FAINT_RGB = (255, 255, 255), (190, 194, 200)


@dataclass(frozen=True, eq=False)
class Frame:
    """What a video shows at one step.

    Attributes:
        step: Policy steps executed so far.
        agentview: uint8 (256, 256, 3), RGB.
        wrist: Likewise.
        trace: What the policy looked at in its last query, if it says so.
    """

    step: int
    agentview: NDArray[np.uint8]
    wrist: NDArray[np.uint8]
    trace: TokenTrace | None = None

    def with_trace(self, trace: TokenTrace | None) -> Frame:
        """Return the frame with what the policy looked at."""
        return replace(self, trace=trace)


class Moments:
    """Picks the four frames of a contact sheet while an episode runs, and keeps no others.

    ``start`` is the first frame, ``first contact`` the first one at or after the step in which the
    gripper first touches an object or a fixture, ``gripper closing`` likewise of the first action
    whose gripper component is above 0, ``end`` the last frame.
    """

    def __init__(self) -> None:
        self._frames: dict[str, Frame | None] = dict.fromkeys(
            ("start", "first contact", "gripper closing", "end")
        )
        self._due: set[str] = {"start"}
        self._come: set[str] = set()

    def note(self, touching: bool, closing: bool) -> None:
        """Note whether the gripper touches something in a step, and whether it is told to close."""
        for name, now in (("first contact", touching), ("gripper closing", closing)):
            if now and name not in self._come:
                self._come.add(name)
                self._due.add(name)

    def take(self, frame: Frame) -> None:
        """Take the next frame, after the steps up to it were noted."""
        for name in (*self._due, "end"):
            self._frames[name] = frame
        self._due.clear()

    def frames(self) -> tuple[tuple[str, Frame | None], ...]:
        """Return the moments in their order, ``None`` for those that did not happen."""
        return tuple(self._frames.items())


def write_sheet(
    path: Path,
    moments: Sequence[tuple[str, Frame | None]],
    instruction: str,
    status: Status,
    steps: int,
    mapping: ImageMapping | None = None,
) -> Path:
    """Write moments side by side, each below its label, with the instruction and the outcome.

    Args:
        path: Ends in ``.png``; its folder exists.
        moments: Labels and frames; the sheet marks a moment without a frame as missing.
        instruction: The robot's instruction.
        status: How the episode ended.
        steps: Policy steps it took.
        mapping: From the model's input image to the frame, for traces.

    Returns:
        ``path``.

    Raises:
        OutputError: The file cannot be written, and is removed.
    """
    overlaid = any(frame is not None and frame.trace is not None for _, frame in moments)
    picture = Picture(mapping or ImageMapping(), overlaid)
    tiles = [_tile(picture, label, frame) for label, frame in moments]
    height, width = tiles[0].shape[:2]
    across = len(tiles) * (width + MARGIN_PX) + MARGIN_PX
    sheet = Image.new("RGB", (across, height + FOOTER_HEIGHT_PX), BACKGROUND_RGB)
    for number, tile in enumerate(tiles):
        sheet.paste(Image.fromarray(tile), (MARGIN_PX + number * (width + MARGIN_PX), 0))
    sheet.paste(_footer(across, instruction, status, steps), (0, height))
    return save_image(sheet, path)


def _footer(width: int, instruction: str, status: Status, steps: int) -> Image.Image:
    image = Image.new("RGB", (width, FOOTER_HEIGHT_PX), OUTCOME_RGB[status])
    draw, font, said = ImageDraw.Draw(image), font_of(_FOOTER_FONT_PX), ending(status, steps)
    right = width - MARGIN_PX - font.getlength(said)
    shown = shorten(instruction, int(right) - 3 * MARGIN_PX, font)
    draw.text((MARGIN_PX, 9), shown, font=font, fill=_TEXT_RGB)
    draw.text((right, 9), said, font=font, fill=_TEXT_RGB)
    return image


def _tile(picture: Picture, label: str, frame: Frame | None) -> NDArray[np.uint8]:
    size = (picture.width, picture.height + LABEL_HEIGHT_PX)
    image = Image.new("RGB", size, BACKGROUND_RGB)
    draw, font = ImageDraw.Draw(image), font_of(_LABEL_FONT_PX)
    draw.text((0, 6), label, font=font, fill=_TEXT_RGB)
    said = "did not happen"
    if frame is not None:
        shown = picture.compose(frame.agentview, frame.wrist, frame.trace)
        image.paste(Image.fromarray(shown), (0, LABEL_HEIGHT_PX))
        counts = [count for count in token_counts(frame.trace) if count.name == "all"]
        said = "   ".join([f"step {frame.step}", *(f"{c.kept}/{c.dense} tokens" for c in counts)])
    draw.text((size[0] - font.getlength(said), 6), said, font=font, fill=_FAINT_RGB)
    return np.asarray(image, np.uint8)
