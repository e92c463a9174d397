"""From gridseval's observations to what LeRobot's own evaluation gives a policy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.policies.images import ImagePipeline
from gridseval.policies.lerobot_kind.checkpoint import Checkpoint
from gridseval.policies.lerobot_kind.environment import as_lerobots
from gridseval.policies.protocol import Observations


def policy_batch(
    checkpoint: Checkpoint, observations: Observations, resize: int | None
) -> dict[str, Any]:
    """Return a batch as LeRobot's environments give it, run through the policy's processors.

    Args:
        checkpoint: The policy.
        observations: Of gridseval.
        resize: Side to which frames are resized first, or ``None`` to leave them as they are.
    """
    import torch

    seen = dict(observations)
    for camera in checkpoint.cameras.values():
        seen[camera] = _resized(observations[camera], resize)
    if checkpoint.environment.before is not None:
        batch = _prepared(checkpoint, seen)
    else:
        batch = {"task": list(seen["instruction"])}
        for feature, camera in checkpoint.cameras.items():
            batch[checkpoint.images.sources[feature]] = as_lerobots(seen[camera])
        if checkpoint.state is not None:
            batch[checkpoint.state] = torch.from_numpy(seen["state"].astype(np.float32))
    processed: dict[str, Any] = checkpoint.before(batch)
    return processed


def _prepared(checkpoint: Checkpoint, seen: Observations) -> dict[str, Any]:
    """Return a batch after LeRobot's environment steps, images under the policy's names."""
    batch = checkpoint.environment.observed(seen)
    images = {
        checkpoint.images.sources[feature]: checkpoint.environment.image(batch, camera)
        for feature, camera in checkpoint.cameras.items()
    }
    return batch | images


def _resized(frames: NDArray[np.uint8], px: int | None) -> NDArray[np.uint8]:
    return frames if px is None else ImagePipeline(px, resize="bilinear_pad").apply(frames)
