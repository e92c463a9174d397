"""A double of VLA-Adapter's experiments/robot/openvla_utils.py, as read at commit 838a36d."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image


def get_processor(cfg: Any) -> str:
    return f"processor of {cfg.pretrained_checkpoint}"


def get_proprio_projector(cfg: Any, llm_dim: int, proprio_dim: int) -> tuple[str, int, int]:
    return ("projector", llm_dim, proprio_dim)


def get_action_head(cfg: Any, llm_dim: int) -> tuple[str, int, bool]:
    assert cfg.use_l1_regression
    return ("head", llm_dim, cfg.use_pro_version)


def resize_image_for_policy(img: Any, resize_size: int) -> Any:
    """Resize otherwise than upstream; a test only asks which image went in."""
    return np.asarray(Image.fromarray(img).resize((resize_size, resize_size), Image.NEAREST))
