"""A double of UniVLA's experiments/robot/robot_utils.py, as read at commit 0ab9e9d."""

from __future__ import annotations

from typing import Any

import torch

ASKED: list[dict[str, Any]] = []


class Model:
    device = torch.device("cpu")

    def __init__(self) -> None:
        low, high = [-0.5, -0.6, -0.9, -0.1, -0.2, -0.3, 0.0], [0.9, 0.8, 0.7, 0.2, 0.3, 0.4, 1.0]
        action = {"q01": low, "q99": high, "mask": [True] * 6 + [False]}
        self.norm_stats = {"libero_object_no_noops": {"action": action}}


def get_model(cfg: Any, wrap_diffusion_policy_for_droid: bool = False) -> Model:
    assert cfg.model_family == "openvla"
    assert "libero" in cfg.task_suite_name
    assert not (cfg.load_in_8bit or cfg.load_in_4bit)
    return Model()


def get_latent_action(
    cfg: Any,
    model: Model,
    obs: dict[str, Any],
    task_label: str,
    processor: Any = None,
    hist_action: str = "",
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return four hidden states, those of the image, and four sampled tokens."""
    asked = {"task": task_label, "history": hist_action, "key": cfg.unnorm_key}
    ASKED.append(asked | {"image": obs["full_image"], "processor": processor})
    assert cfg.center_crop
    tokens = torch.randint(32001, 32033, (1, 4))
    ASKED[-1]["tokens"] = tokens
    number = float(len(ASKED) - 1)
    latent = torch.full((1, 4, 4096), number, dtype=torch.bfloat16)
    return latent, torch.full((1, 256, 4096), -number, dtype=torch.bfloat16), tokens
