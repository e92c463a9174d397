"""A run whose environments are on the nodes of a Ray cluster."""

from __future__ import annotations

from dataclasses import replace

from gridseval.envs.pool.resources import MOST_WORKERS
from gridseval.evaluation.prepared_run import PreparedRun
from gridseval.evaluation.sharing import Sharing


def on_cluster(prepared: PreparedRun, sharing: Sharing) -> PreparedRun:
    """Return a run with the nodes of its cluster, each compared with this machine.

    Raises:
        MachineError: A node differs, or none has room for an environment.
    """
    config = prepared.config
    if config.ray is None:
        return prepared
    nodes = sharing.nodes(config.ray, prepared.settings, config.env_gpus)
    room = nodes.total_room
    asked = room if config.workers is None else config.workers
    few = f"the Ray cluster has room for {room} of {asked} workers; more start as nodes join"
    notes = (few,) if asked > room else ()
    return replace(prepared, nodes=nodes, workers=asked, warnings=(*prepared.warnings, *notes))


def most_workers(prepared: PreparedRun, episodes: int) -> int:
    """Return how many workers may run at the same time, for a number of episodes to run."""
    grows = prepared.nodes is not None and prepared.config.workers is None
    return min(MOST_WORKERS if grows else prepared.workers, episodes)
