"""Episodes as a dataset: what a policy saw and did, and what another one would have done there."""

from gridseval.collecting.collect import collect
from gridseval.collecting.config import CollectConfig

__all__ = ["CollectConfig", "collect"]
