"""The loop that joins episodes, environments and a policy."""

from gridseval.rollout.loop import Listener, run_episodes
from gridseval.rollout.outcome import Outcome
from gridseval.rollout.plan import MAX_ATTEMPTS, RolloutPlan
from gridseval.rollout.queue import EpisodeQueue

__all__ = [
    "MAX_ATTEMPTS",
    "EpisodeQueue",
    "Listener",
    "Outcome",
    "RolloutPlan",
    "run_episodes",
]
