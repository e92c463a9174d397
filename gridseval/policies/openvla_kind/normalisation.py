"""Normalisation of OpenVLA's family: whose statistics, and which of their keys counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError, did_you_mean
from gridseval.plain_files import read_json

FILE = "dataset_statistics.json"


@dataclass(frozen=True, eq=False)
class Bounds:
    """The 1st and 99th percentiles between which values were scaled to [−1, 1].

    Attributes:
        low: float64 (n,).
        high: float64 (n,), not below ``low``.
        mask: bool (n,), false for values that were left as they are.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mask: NDArray[np.bool_]

    def normalise(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return values scaled to [−1, 1], clipped there."""
        scaled = 2 * (values - self.low) / (self.high - self.low + 1e-8) - 1
        return np.clip(np.where(self.mask, scaled, values), -1, 1)


def read_statistics(folder: Path, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a checkpoint's statistics, by key.

    Args:
        folder: The checkpoint.
        config: Its ``config.json``, whose ``norm_stats`` count where the file is missing, as in
            OpenVLA's own evaluation.

    Raises:
        PolicyError: Neither file exists, or it is not a JSON object.
    """
    file = folder / FILE
    inner = (config or {}).get("norm_stats")
    if not file.exists() and isinstance(inner, dict) and inner:
        return inner
    try:
        statistics = read_json(file)
    except FileNotFoundError as error:
        raise PolicyError(
            f"{folder} has no {FILE}, which scales its actions",
            "fine-tuning writes it beside the checkpoint; copy it there",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise PolicyError(f"cannot read {file}: {error}") from error
    if not isinstance(statistics, dict) or not statistics:
        raise PolicyError(f"{file} holds no statistics")
    return statistics


def choose_key(statistics: Mapping[str, Any], suite: str, asked: str | None = None) -> str:
    """Return the key of a suite's statistics.

    LIBERO's fine-tuned checkpoints name them after the suite, with ``_no_noops`` where steps
    without motion were left out of the training data; LIBERO-Plus is scaled as LIBERO.

    Args:
        statistics: By key.
        suite: The suite's name.
        asked: The user's choice, which counts.

    Raises:
        PolicyError: No key fits (lists them).
    """
    base = suite.replace("libero_plus_", "libero_")
    wanted = (asked,) if asked is not None else (base, f"{base}_no_noops")
    for key in wanted:
        if key in statistics:
            return key
    near = did_you_mean(wanted[-1], statistics)
    raise PolicyError(
        f"the checkpoint has no statistics of {' or '.join(wanted)}, only of "
        f"{', '.join(sorted(statistics))}",
        near if asked is not None else "choose one with --policy-arg unnorm_key=KEY",
    )


def read_bounds(statistics: Mapping[str, Any], key: str, what: str, size: int) -> Bounds:
    """Return the bounds of a key's ``"action"`` or ``"proprio"``.

    Raises:
        PolicyError: They are missing, or not ``size`` finite numbers each.
    """
    found = statistics[key].get(what) if isinstance(statistics[key], Mapping) else None
    if not isinstance(found, Mapping):
        raise PolicyError(f"{FILE}: {key} has no {what}")
    try:
        low, high = (np.asarray(found[name], np.float64) for name in ("q01", "q99"))
        mask = np.asarray(found.get("mask", [True] * size), np.bool_)
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"{FILE}: {key}.{what}: {error!r}") from error
    fits = low.shape == high.shape == mask.shape == (size,)
    if not fits or not np.isfinite([low, high]).all() or (low > high).any():
        raise PolicyError(f"{FILE}: {key}.{what} must have {size} finite q01 and q99, in order")
    return Bounds(low, high, mask)
