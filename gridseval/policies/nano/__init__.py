"""``nano``: a small real VLA, in which every pruner runs. Its own modules need torch.

A fresh checkpoint: ``gridseval.policies.nano.checkpoint.save_nano("folder", seed=7)``.
"""

from gridseval.policies.nano.config import NanoConfig, PrunerChoice

__all__ = ["NanoConfig", "PrunerChoice"]
