"""The options that only a run on a Ray cluster has."""

from __future__ import annotations

from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig


def check_cluster_options(config: RunConfig) -> None:
    """Check the options that only a run on a cluster has.

    Raises:
        UsageError: One is given without ``--ray``, is out of its range, or contradicts it.
    """
    if not 0 <= config.env_gpus <= 1:
        raise UsageError(f"--env-gpus must be within 0 and 1, not {config.env_gpus:g}")
    if config.ray is None and config.env_gpus:
        raise UsageError("--env-gpus is for --ray", "MUJOCO_EGL_DEVICE_ID chooses a card here")
    if config.ray is not None and config.workers == 0:
        raise UsageError("--workers 0 runs in this process, --ray on a cluster", "give one of them")
