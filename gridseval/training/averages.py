"""Learning rate over time, and the moving average of weights."""

from __future__ import annotations

import math

import torch
from torch import nn

_FLOOR = 0.01


def rate_at(share: float, highest: float, warm_up: float) -> float:
    """Return the learning rate: a rise, then half a cosine down to a hundredth.

    Args:
        share: Of the training that is done, 0 to 1.
        highest: The rate after the rise.
        warm_up: Share of the training that the rise takes, below 1.
    """
    if share < warm_up:
        return highest * max(_FLOOR, share / warm_up)
    after = min(1.0, (share - warm_up) / (1 - warm_up))
    return highest * (_FLOOR + (1 - _FLOOR) * (1 + math.cos(math.pi * after)) / 2)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move averaged weights towards a model's.

    Args:
        average: Holds the averaged weights, on the same device.
        model: Holds the present ones.
        decay: Share of the average that stays, in a long training.
        step: From 0; early on, less of it stays, so that the first weights are forgotten.
    """
    kept = min(decay, (1 + step) / (10 + step))
    for averaged, present in zip(average.parameters(), model.parameters(), strict=True):
        averaged.lerp_(present, 1 - kept)


def weight_groups(model: nn.Module, decay: float) -> list[dict[str, object]]:
    """Return an optimiser's groups: matrices and kernels decay, all else does not.

    Embeddings, positions and slots are looked up or added, not multiplied.
    """
    multiplied = {
        id(module.weight)
        for module in model.modules()
        if isinstance(module, (nn.Linear, nn.Conv2d))
    }
    parts: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for parameter in model.parameters():
        parts[id(parameter) not in multiplied].append(parameter)
    return [
        {"params": parts[0], "weight_decay": decay},
        {"params": parts[1], "weight_decay": 0.0},
    ]
