"""The loop that joins episodes, environments and a policy."""

from gridseval.rollout.episode_queue import EpisodeQueue
from gridseval.rollout.loop import Listener, run_episodes
from gridseval.rollout.outcome import Outcome
from gridseval.rollout.plan import MAX_ATTEMPTS, RolloutPlan

__all__ = [
    "MAX_ATTEMPTS",
    "EpisodeQueue",
    "Listener",
    "Outcome",
    "RolloutPlan",
    "run_episodes",
]
