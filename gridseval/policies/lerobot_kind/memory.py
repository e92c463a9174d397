"""What a LeRobot policy remembers of an episode, so that several can be played in turns."""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

_PLAIN = (deque, list, dict, tuple, int, float, str, type(None))
_OBJECTS = ("temporal_ensembler",)


def remembered(policy: Any) -> dict[str, Any]:
    """Return a policy's attributes that its acting changes, as copies.

    Queues, counters and tensors: all that is neither a module nor its configuration.

    Args:
        policy: LeRobot's ``PreTrainedPolicy``, after its ``reset``.
    """
    import torch

    machinery = vars(torch.nn.Module())
    return {
        name: copy.deepcopy(value)
        for name, value in vars(policy).items()
        if name not in machinery
        and (isinstance(value, (*_PLAIN, torch.Tensor)) or name in _OBJECTS)
    }


def recall(policy: Any, memory: dict[str, Any]) -> None:
    """Make a policy remember what :func:`remembered` returned, or :func:`changed` since."""
    for name, value in memory.items():
        setattr(policy, name, value)


def changed(policy: Any, memory: dict[str, Any]) -> dict[str, Any]:
    """Return what a policy remembers now, of the same attributes; the policy's own objects."""
    return {name: getattr(policy, name) for name in memory}
