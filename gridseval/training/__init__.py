"""``gridseval train``: from datasets of ``gridseval collect`` to a checkpoint of ``nano``."""

from gridseval.training.config import TrainConfig
from gridseval.training.session import train

__all__ = ["TrainConfig", "train"]
