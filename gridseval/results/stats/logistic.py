"""Logistic regression of success on one value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_STEPS = 50
_LARGEST = 30.0


@dataclass(frozen=True)
class LogisticFit:
    """How the log odds of success change with a value.

    Attributes:
        intercept: Log odds at value 0.
        slope: Change of the log odds per unit of the value.
        lower: Lower end of the slope's 95 % interval (Wald).
        upper: Upper end.
        p_value: Of the likelihood ratio test against a slope of 0.
    """

    intercept: float
    slope: float
    lower: float
    upper: float
    p_value: float

    def rate(self, value: float) -> float:
        """Return the fitted success rate at a value."""
        return float(_sigmoid(np.array(self.intercept + self.slope * value)))


def fit_logistic(values: Sequence[float], successes: Sequence[bool]) -> LogisticFit | None:
    """Fit by maximum likelihood (Newton's method).

    Args:
        values: One per episode, finite.
        successes: Of the same episodes.

    Returns:
        ``None`` where no maximum exists: all values or all outcomes are equal, or a threshold
        separates successes from failures.
    """
    from scipy import special, stats  # here, since loading it takes longer than most commands need

    given = np.asarray(values, float)
    outcome = np.asarray(successes, float)
    if len(given) < 3 or np.ptp(given) == 0 or np.ptp(outcome) == 0:
        return None
    centre, spread = given.mean(), given.std()
    design = np.stack([np.ones(len(given)), (given - centre) / spread], 1)
    weights = np.zeros(2)
    for _ in range(_MOST_STEPS):
        fitted = _sigmoid(design @ weights)
        information = (design * (fitted * (1 - fitted))[:, None]).T @ design
        try:
            change = np.linalg.solve(information, design.T @ (outcome - fitted))
        except np.linalg.LinAlgError:
            return None
        weights = weights + change
        if not np.isfinite(weights).all() or np.abs(weights).max() > _LARGEST:
            return None  # separated: the likelihood has no maximum
        if np.abs(change).max() < 1e-10:
            break
    else:
        return None
    fitted = _sigmoid(design @ weights)
    information = (design * (fitted * (1 - fitted))[:, None]).T @ design
    error = math.sqrt(float(np.linalg.inv(information)[1, 1]))
    likelihood = float(
        (special.xlogy(outcome, fitted) + special.xlog1py(1 - outcome, -fitted)).sum()
    )
    share = outcome.mean()
    without = float(
        len(outcome) * (special.xlogy(share, share) + special.xlog1py(1 - share, -share))
    )
    slope, around = float(weights[1]) / spread, 1.959964 * error / spread
    return LogisticFit(
        intercept=float(weights[0]) - slope * centre,
        slope=slope,
        lower=slope - around,
        upper=slope + around,
        p_value=float(stats.chi2.sf(max(0.0, 2 * (likelihood - without)), 1)),
    )


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    rates: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
    return rates
