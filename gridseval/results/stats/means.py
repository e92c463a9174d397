"""Means of figures, with Student's interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mean:
    """A mean of independent values.

    Attributes:
        value: The mean.
        count: How many values, at least 1.
        lower: Lower end of its 95 % interval, ``None`` of one value.
        upper: Upper end, ``None`` of one value.
    """

    value: float
    count: int
    lower: float | None = None
    upper: float | None = None


def mean_of(values: Iterable[float]) -> Mean | None:
    """Return the mean with Student's 95 % interval, or ``None`` without values.

    Student (1908), "The probable error of a mean", Biometrika 6.
    """
    numbers = list(values)
    count = len(numbers)
    if not count:
        return None
    mean = math.fsum(numbers) / count
    if count == 1:
        return Mean(mean, 1)
    from scipy.special import stdtrit  # here, since not every command needs it

    variance = math.fsum((number - mean) ** 2 for number in numbers) / (count - 1)
    half_width = float(stdtrit(count - 1, 0.975)) * math.sqrt(variance / count)
    return Mean(mean, count, mean - half_width, mean + half_width)
