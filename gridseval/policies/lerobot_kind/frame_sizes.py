"""Says what may help where a model fails on frames of another size than its config's."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from gridseval.errors import GridsevalError, PolicyError
from gridseval.policies.lerobot_kind.checkpoint import PADDING, Checkpoint
from gridseval.policies.lerobot_kind.description import shown
from gridseval.policies.protocol import Observations

_OF_SIZE = re.compile("size|shape|dimension", re.IGNORECASE)


@contextlib.contextmanager
def named_sizes(
    checkpoint: Checkpoint, observations: Observations, resize: int | None
) -> Iterator[None]:
    """Name the frames' size and the config's where the model fails for them.

    Args:
        checkpoint: The policy.
        observations: What it is asked about.
        resize: Side to which frames are resized, which is the user's choice then.

    Raises:
        PolicyError: The model failed, and its config names another size.
    """
    try:
        yield
    except GridsevalError:
        raise
    except Exception as error:
        config, seen = checkpoint.config, checkpoint.cameras
        said = " ".join(str(error).split())
        told = {tuple(config.image_features[name].shape[1:]) for name in seen}
        given = {tuple(observations[camera].shape[1:3]) for camera in seen.values()}
        if resize is not None or told == given or config.type in PADDING:
            raise
        if said and not _OF_SIZE.search(said):
            raise
        raise PolicyError(
            f"LeRobot's {config.type!r} failed on frames of {shown(given)} px; its config says "
            f"{shown(told)} ({type(error).__name__}: {said[:200]})",
            f"--policy-arg resize={min(told)[0]} resizes them first",
        ) from error
