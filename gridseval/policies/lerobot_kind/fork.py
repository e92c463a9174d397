"""Rewrites checkpoints of the Grid-Sampler repository's LeRobot fork for the LeRobot at hand.

The fork is LeRobot 0.3.4. It writes fields into ``config.json`` that no other LeRobot knows, and
normalises inside the model: the statistics are parameters, and there are no processor files. A
checkpoint of LeRobot 0.3 itself has these statistics, too.

Source: the Grid-Sampler repository, commit 11d58d7, ``lerobot/src/lerobot/policies/``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError
from gridseval.plain_files import read_json
from gridseval.policies.lerobot_kind.old_statistics import (
    by_feature,
    is_statistic,
    write_processors,
)

_SWITCHES = {
    "use_grid_token_sampler": "grid_token_sampler_num_tokens",
    "use_vision_grid_token_prune": "vision_grid_token_prune_num_tokens",
}
"""Whether a checkpoint has a sampler (SmolVLA; other types) to the number of its points."""

_DROPPED = {"vqbet": ("mlp_hidden_dim",)}
"""Fields that the fork never reads."""

_PROCESSOR = "policy_preprocessor.json"


def is_old(folder: Path, keys: Iterable[str]) -> bool:
    """Return whether the LeRobot at hand cannot load a checkpoint as it is.

    Args:
        folder: A checkpoint's.
        keys: Names of its parameters.
    """
    return bool(_forks(read_config(folder))) or any(map(is_statistic, keys))


def read_config(folder: Path) -> dict[str, Any]:
    """Return ``config.json``; empty where it cannot be read, which LeRobot says better."""
    try:
        told = read_json(folder / "config.json")
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def check_sampler(folder: Path, points: Set[int | None]) -> None:
    """Refuse a checkpoint whose configuration and parameters disagree about its sampler.

    Args:
        folder: The checkpoint's.
        points: Each sampler's K by its parameters; ``None`` if there is no sampler.

    Raises:
        PolicyError: The sampler is lost, or not wanted, or has another number of points.
    """
    config = read_config(folder)
    for switch, number in _SWITCHES.items():
        if switch not in config:
            continue
        wanted = config.get(number) if config[switch] else None
        if points != {wanted}:
            held = " and ".join("no sampler" if k is None else f"one of {k} points" for k in points)
            raise PolicyError(
                f"{folder}: config.json says {switch}: {json.dumps(config[switch])}, {number}: "
                f"{json.dumps(config.get(number))}, and its parameters hold {held}",
                "is model.safetensors the one that was saved with this config.json?",
            )


def rewrite(folder: Path, made: Path, statistics: Mapping[str, Any]) -> None:
    """Write configuration and processors as the LeRobot at hand wants them.

    Args:
        folder: The checkpoint's.
        made: Where to write, and where its other files are.
        statistics: The parameters for which :func:`is_statistic` holds.

    Raises:
        PolicyError: Statistics are not those of a feature.
    """
    config = read_config(folder)
    names = (*_forks(config), *_DROPPED.get(str(config.get("type")), ()))
    if names:
        kept = {name: value for name, value in config.items() if name not in names}
        (made / "config.json").unlink()
        (made / "config.json").write_text(json.dumps(kept), encoding="utf8")
    if statistics and not (made / _PROCESSOR).exists():
        write_processors(made, by_feature(folder, config, statistics))


def _forks(config: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for pair in _SWITCHES.items() for name in pair if name in config)
