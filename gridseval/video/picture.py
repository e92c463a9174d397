"""The picture of one moment: what the cameras saw and, below it, what the policy kept of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gridseval.tokens.mapping import ImageMapping
from gridseval.tokens.token_trace import TokenTrace
from gridseval.video.overlay import Overlay

IMAGE_PX = 256
GAP_PX = 8
"""Between the four pictures, so that a bright kept patch is not taken for the other camera's."""

BACKGROUND_RGB = (24, 26, 30)
CAMERAS = ("agentview", "wrist")
_Image = NDArray[np.uint8]


class Picture:
    """Composes one episode's pictures.

    Without overlays agentview and wrist stand side by side, 512 × 256 pixels. With them the same
    stand above, and below what the policy's tokens covered, as in Figure 3 of LightVLA (arXiv
    2509.12594): 520 × 520 pixels.

    Args:
        mapping: From the model's input image to the frame.
        overlaid: Whether to show traces.
    """

    def __init__(self, mapping: ImageMapping, overlaid: bool) -> None:
        self._mapping, self.overlaid = mapping, overlaid
        self.width = 2 * IMAGE_PX + (GAP_PX if overlaid else 0)
        self.height = self.width if overlaid else IMAGE_PX
        self._trace: TokenTrace | None = None
        self._overlays: tuple[Overlay, ...] = ()

    def compose(self, agentview: _Image, wrist: _Image, trace: TokenTrace | None) -> _Image:
        """Return uint8 (height, width, 3).

        Args:
            agentview: uint8 (px, px, 3), RGB, upright as observations have it; shown with 256 px.
            wrist: Likewise.
            trace: What the policy looked at; ``None`` masks nothing.
        """
        agentview, wrist = _fitted(agentview), _fitted(wrist)
        if not self.overlaid:
            return np.concatenate([agentview, wrist], axis=1)
        below = [agentview, wrist]
        if trace is not None:
            overlays = self._overlays_of(trace)
            below = [overlay.draw(image) for overlay, image in zip(overlays, below, strict=True)]
        made = np.empty((self.height, self.width, 3), np.uint8)
        made[:] = BACKGROUND_RGB
        far = IMAGE_PX + GAP_PX
        made[:IMAGE_PX, :IMAGE_PX], made[:IMAGE_PX, far:] = agentview, wrist
        made[far:, :IMAGE_PX], made[far:, far:] = below
        return made

    def _overlays_of(self, trace: TokenTrace) -> tuple[Overlay, ...]:
        """Return both cameras' overlays, made anew only when the trace changes."""
        if trace is not self._trace:
            named = {camera.camera: camera for camera in trace.cameras}
            self._overlays = tuple(
                Overlay(named.get(camera), self._mapping, IMAGE_PX, IMAGE_PX) for camera in CAMERAS
            )
            self._trace = trace
        return self._overlays


def _fitted(frame: _Image) -> _Image:
    """Return a frame in the size of pictures; protocols render other sizes, too."""
    assert frame.ndim == 3 and frame.shape[0] == frame.shape[1]
    if len(frame) == IMAGE_PX:
        return frame
    size = (IMAGE_PX, IMAGE_PX)
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))
