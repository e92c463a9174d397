"""Where the samplers of an ACT policy looked, for traces."""

from __future__ import annotations

from dataclasses import replace

from gridseval.tokens import CameraTrace, TokenTrace


class VisionNotes:
    """Notes where ACT's samplers looked: images of a query come camera after camera.

    Args:
        cameras: In the model's order.
    """

    def __init__(self, cameras: tuple[str, ...]) -> None:
        self._cameras = cameras
        self._taken: list[tuple[CameraTrace, ...]] = []

    def begin(self) -> None:
        """Expect the images of a query."""

    def forget(self) -> None:
        """Drop what a call noted that failed half-way."""
        self._taken.clear()

    def note(self, traces: tuple[CameraTrace, ...]) -> None:
        """Add the rows of one image."""
        self._taken.append(traces)

    def take(self, batch: int) -> tuple[TokenTrace, ...] | None:
        """Return one trace per slot of what was sampled since the last call.

        ``None`` where that is not every camera of every slot once: ACT answered from its queue.
        """
        calls, number = list(self._taken), len(self._cameras)
        self._taken.clear()
        if sum(map(len, calls)) != batch * number:
            return None
        slots: list[TokenTrace] = []
        for first in range(0, len(calls), number):
            for row in zip(*calls[first : first + number], strict=True):
                named = zip(row, self._cameras, strict=True)
                slots.append(TokenTrace(tuple(replace(one, camera=name) for one, name in named)))
        return tuple(slots)
