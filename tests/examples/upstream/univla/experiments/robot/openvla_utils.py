"""A double of UniVLA's experiments/robot/openvla_utils.py, as read at commit 0ab9e9d."""

from __future__ import annotations

from typing import Any


def get_processor(cfg: Any) -> str:
    return f"processor of {cfg.pretrained_checkpoint}"
