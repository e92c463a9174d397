"""Statistics among a policy's parameters, as LeRobot 0.3 keeps them, made into processors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridseval.errors import PolicyError

_STATISTICS = ("normalize_inputs.", "normalize_targets.", "unnormalize_outputs.")


def is_statistic(key: str) -> bool:
    """Return whether a parameter is a statistic by which LeRobot 0.3 normalises in the model."""
    return key.startswith(_STATISTICS)


def by_feature(
    folder: Path, config: Mapping[str, Any], statistics: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return statistics as LeRobot's data sets hold them: feature to name to value.

    Args:
        folder: The checkpoint's, for messages.
        config: Its ``config.json``.
        statistics: The parameters for which :func:`is_statistic` holds.

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


def write_processors(made: Path, statistics: Mapping[str, Any]) -> None:
    """Write the processors that LeRobot makes of statistics for a new policy.

    Args:
        made: A folder with ``config.json``.
        statistics: Of :func:`by_feature`.
    """
    from gridseval.policies.lerobot_kind.checkpoint import lerobot_module

    config = lerobot_module("configs.policies").PreTrainedConfig.from_pretrained(str(made))
    config.device = "cpu"
    factory = lerobot_module("policies.factory")
    for part in factory.make_pre_post_processors(config, dataset_stats=statistics):
        part.save_pretrained(made)
