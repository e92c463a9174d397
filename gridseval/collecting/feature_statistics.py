"""Statistics of a dataset's features, as LeRobot's ``meta/stats.json`` has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.collecting.staging import decoded

_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
_IMAGE_PIXELS = 1024


class FeatureStatistics:
    """Collects what statistics are made of, an episode at a time.

    Of images some 1,000 pixels are looked at, and three images of each episode and camera.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[NDArray[np.float64]]] = {}
        self._pixels: dict[str, list[NDArray[np.uint8]]] = {}
        self._frames = 0

    def add(
        self, numbers: Mapping[str, NDArray[Any]], images: Mapping[str, Sequence[bytes]]
    ) -> None:
        """Take in an episode.

        Args:
            numbers: By feature, (frames, n) or (frames,).
            images: By feature, each frame's PNG.
        """
        for name, values in numbers.items():
            self._rows.setdefault(name, []).append(values.reshape(len(values), -1).astype(float))
            frames = len(values)
        for name, pngs in images.items():
            kept = self._pixels.setdefault(name, [])
            # The first, a middle and the last image of an episode: they differ most.
            for index in sorted({0, len(pngs) // 2, len(pngs) - 1}):
                kept.append(_some_pixels(pngs[index]))
        self._frames += frames

    def table(self) -> dict[str, dict[str, Any]]:
        """Return per feature ``min``, ``max``, ``mean``, ``std``, ``count`` and quantiles."""
        found = {name: _described(np.concatenate(rows)) for name, rows in self._rows.items()}
        for name, pixels in self._pixels.items():
            described = _described(np.concatenate(pixels) / 255)
            found[name] = {key: np.reshape(v, (3, 1, 1)).tolist() for key, v in described.items()}
        for values in found.values():
            values["count"] = [self._frames]
        return found


def _described(values: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "min": values.min(0).tolist(),
        "max": values.max(0).tolist(),
        "mean": values.mean(0).tolist(),
        "std": values.std(0).tolist(),
        **{name: np.quantile(values, at, axis=0).tolist() for name, at in _QUANTILES.items()},
    }


def _some_pixels(png: bytes) -> NDArray[np.uint8]:
    pixels = decoded(png).reshape(-1, 3)
    return pixels[:: max(1, len(pixels) // _IMAGE_PIXELS)]
