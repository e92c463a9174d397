"""What each of the 50 sensor noises costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from gridseval.envs.perturbations.noise import (
    FAMILIES,
    NOISES,
    SEVERITIES,
    apply_noise,
    noise_number,
    noise_rng,
)

LIMIT_MS = 10.0
"""What a noise may cost at 256 px on one core."""

_IMAGE_PX, _REPETITIONS = 256, 9


def measure_noises(
    image_px: int = _IMAGE_PX,
    repetitions: int = _REPETITIONS,
    on_progress: Callable[[str], None] = lambda _: None,
) -> dict[int, float]:
    """Return the median processor time of each noise, ms, by number; generator included.

    Noises run on one thread, so that this is what one core needs, busy with other work or not.

    Args:
        image_px: Width and height of the image.
        repetitions: Frames of each noise; one more comes first and does not count.
        on_progress: Called with each noise that is done, ``NOISES`` times.
    """
    image = np.random.default_rng(0).integers(0, 256, (image_px, image_px, 3), dtype=np.uint8)
    times = {}
    for number in range(1, NOISES + 1):
        taken = []
        for step in range(repetitions + 1):
            began = time.thread_time()
            apply_noise(image, number, noise_rng(7, "bench", 0, 0, step))
            taken.append(1000 * (time.thread_time() - began))
        times[number] = statistics.median(taken[1:])
        on_progress(f"noise {number}")
    return times


def noise_text(times: dict[int, float], image_px: int = _IMAGE_PX) -> str:
    """Return the times as a table, one row per family."""
    lines = [f"processor time per frame of {image_px} px, ms, by severity; one thread"]
    lines.append(f"{'':10}" + "".join(f"{severity:>6}" for severity in range(1, SEVERITIES + 1)))
    for family in FAMILIES:
        cells = [times[noise_number(family, severity)] for severity in range(1, SEVERITIES + 1)]
        lines.append(f"{family:10}" + "".join(f"{cell:>6.1f}" for cell in cells))
    slowest = max(times, key=lambda number: times[number])
    verdict = "within" if times[slowest] <= LIMIT_MS else "over"
    lines.append(f"slowest: noise {slowest}, {times[slowest]:.1f} ms ({verdict} {LIMIT_MS:g} ms)")
    return "\n".join(lines)


def noise_json(times: dict[int, float], image_px: int = _IMAGE_PX) -> dict[str, Any]:
    """Return the times as plain data."""
    by_number = {str(number): milliseconds for number, milliseconds in times.items()}
    return {"schema": 1, "image_px": image_px, "ms": by_number, "limit_ms": LIMIT_MS}
