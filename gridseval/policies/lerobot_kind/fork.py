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

_SWITCHES = {
    "use_grid_token_sampler": "grid_token_sampler_num_tokens",
    "use_vision_grid_token_prune": "vision_grid_token_prune_num_tokens",
}
"""Whether a checkpoint has a sampler (SmolVLA; other types) to the number of its points."""

_DROPPED = {"vqbet": ("mlp_hidden_dim",)}
"""Fields that the fork never reads."""

_STATISTICS = ("normalize_inputs.", "normalize_targets.", "unnormalize_outputs.")
_PROCESSOR = "policy_preprocessor.json"


def is_statistic(key: str) -> bool:
    """Return whether a parameter is a statistic by which LeRobot 0.3 normalises in the model."""
    return key.startswith(_STATISTICS)


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
        told = json.loads((folder / "config.json").read_bytes())
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
        _write_processors(made, _by_feature(folder, config, statistics))


def _forks(config: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for pair in _SWITCHES.items() for name in pair if name in config)


def _by_feature(
    folder: Path, config: Mapping[str, Any], statistics: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return statistics as LeRobot's data sets hold them: feature to name to value.

    Raises:
        PolicyError: A statistic is of no feature.
    """
    features = [*(config.get("input_features") or ()), *(config.get("output_features") or ())]
    names = {f"buffer_{feature.replace('.', '_')}": feature for feature in features}
    found: dict[str, dict[str, Any]] = {}
    for key, value in statistics.items():
        _, buffer, statistic = (*key.split(".", 2), "", "")[:3]
        if buffer not in names:
            raise PolicyError(f"{folder}: no feature has the statistic {key}")
        found.setdefault(names[buffer], {})[statistic] = value
    return found


def _write_processors(made: Path, statistics: Mapping[str, Any]) -> None:
    from gridseval.policies.lerobot_kind.checkpoint import lerobot_module

    config = lerobot_module("configs.policies").PreTrainedConfig.from_pretrained(str(made))
    config.device = "cpu"
    factory = lerobot_module("policies.factory")
    for part in factory.make_pre_post_processors(config, dataset_stats=statistics):
        part.save_pretrained(made)
