"""What the image chains of policy families cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gridseval.policies.cards import list_cards, load_card
from gridseval.policies.images import ImagePipeline

LIMIT_MS = 2.0
"""What two images may cost on one core, a JPEG round trip not counted."""

_IMAGE_PX, _REPETITIONS, _WARM_UP = 256, 50, 10


def measure_images(
    repetitions: int = _REPETITIONS, on_progress: Callable[[str], None] = lambda _: None
) -> dict[str, tuple[float, float]]:
    """Return of each card the processor time of two images, ms, without and with its JPEG.

    Chains start no threads, so that this is what one core needs, busy with other work or not.

    Args:
        repetitions: Pairs of images; a few more come first and do not count.
        on_progress: Called with each card that is done.
    """
    times = {}
    for name in list_cards():
        whole = load_card(name).image
        bare = replace(whole, jpeg_quality=None)
        times[name] = (_median_ms(bare, repetitions), _median_ms(whole, repetitions))
        on_progress(name)
    return times


def images_text(times: dict[str, tuple[float, float]]) -> str:
    """Return the times as a table, one row per card."""
    lines = [f"processor time of two images of {_IMAGE_PX} px, ms"]
    wide = max(map(len, times))
    lines.append(f"{'card':<{wide}}{'chain':>8}{'with JPEG':>12}")
    for name, (bare, whole) in times.items():
        lines.append(f"{name:<{wide}}{bare:>8.2f}{whole:>12.2f}")
    slowest = max(bare for bare, _ in times.values())
    verdict = "within" if slowest <= LIMIT_MS else "over"
    lines.append(f"slowest chain: {slowest:.2f} ms ({verdict} {LIMIT_MS:g} ms)")
    return "\n".join(lines)


def images_json(times: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Return the times as plain data."""
    cards = {name: {"ms": bare, "with_jpeg_ms": whole} for name, (bare, whole) in times.items()}
    return {"schema": 1, "image_px": _IMAGE_PX, "limit_ms": LIMIT_MS, "cards": cards}


def _median_ms(pipeline: ImagePipeline, repetitions: int) -> float:
    frames = np.random.default_rng(0).integers(0, 256, (2, _IMAGE_PX, _IMAGE_PX, 3), dtype=np.uint8)
    taken = []
    for _ in range(repetitions + _WARM_UP):
        began = time.process_time()
        pipeline.apply(frames)
        taken.append(1000 * (time.process_time() - began))
    return statistics.median(taken[_WARM_UP:])
