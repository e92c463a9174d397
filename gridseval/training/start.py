"""The model that a training starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gridseval.errors import PolicyError, UsageError
from gridseval.policies.arguments import convert_arguments
from gridseval.policies.nano.checkpoint import load_nano, new_nano
from gridseval.policies.nano.config import NanoConfig, PrunerChoice
from gridseval.policies.nano.model import NanoModel
from gridseval.policies.nano.policy import NanoPolicy
from gridseval.policies.nano.pruning import replace_pruner
from gridseval.training.config import TrainConfig

_LEAST_STD = 1e-3


def start_model(config: TrainConfig) -> NanoModel:
    """Return fresh weights, or a checkpoint's with the pruner that is asked for.

    Raises:
        PolicyError: The checkpoint or the pruner cannot be loaded, or the checkpoint has another
            shape.
        UsageError: The pruner cannot be trained on shuffled samples.
    """
    # As a run of the checkpoint converts them.
    arguments = convert_arguments(NanoPolicy, config.pruner_arguments, "nano")
    if config.init is None:
        choice = PrunerChoice(config.pruner or "dense", arguments)
        model = new_nano(replace(config.shape or NanoConfig(), pruner=choice), config.seed)
    else:
        model = load_nano(config.init)
        if config.shape is not None:
            _check_shape(str(config.init), model.config, config.shape)
        model = replace_pruner(model, config.pruner, arguments, config.seed)
    if model.pruner.needs.slots:
        raise UsageError(
            f"pruner {model.config.pruner.name!r} remembers earlier queries, and training shuffles "
            "them",
            "train without it, and name it in gridseval run",
        )
    return model


def set_normalisation(model: NanoModel, states: NDArray[np.float32]) -> None:
    """Normalise by the mean and deviation of states (N, 8).

    Components that hardly vary are not blown up.
    """
    model.state_mean.copy_(torch.from_numpy(states.mean(0)))
    model.state_std.copy_(torch.from_numpy(np.maximum(states.std(0), _LEAST_STD)))


def _check_shape(name: str, found: NanoConfig, wanted: NanoConfig) -> None:
    """Refuse a checkpoint of another shape, naming the first key that differs."""
    has, wants = _shape(found), _shape(wanted)
    for key, value in wants.items():
        if has[key] != value:
            raise PolicyError(
                f"{name} has another shape: its {key} is {has[key]}, --shape says {value}",
                "leave --shape out to train in the checkpoint's shape",
            )


def _shape(config: NanoConfig) -> Mapping[str, Any]:
    return {key: value for key, value in asdict(config).items() if key != "pruner"}
