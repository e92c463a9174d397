"""A double of VLA-Adapter's experiments/robot/robot_utils.py, as read at commit 838a36d."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from scripted import scripted

ASKED: list[dict[str, Any]] = []


class Model:
    llm_dim = 896

    def __init__(self, cfg: Any) -> None:
        self.made_for = cfg.pretrained_checkpoint
        self.norm_stats = {"libero_object_no_noops": {"action": {}}}
        assert not (cfg.load_in_8bit or cfg.load_in_4bit or cfg.use_film)
        assert cfg.num_images_in_input == 2

    def set_version(self, version: str) -> str:
        self.version = version
        return version


def get_model(cfg: Any, wrap_diffusion_policy_for_droid: bool = False) -> Model:
    assert cfg.model_family == "openvla"
    return Model(cfg)


def get_image_resize_size(cfg: Any) -> int:
    return {"openvla": 224}[cfg.model_family]


def get_action(
    cfg: Any,
    model: Model,
    obs: dict[str, Any],
    task_label: str,
    processor: Any = None,
    action_head: Any = None,
    proprio_projector: Any = None,
    noisy_action_projector: Any = None,
    use_film: bool = False,
    use_minivlm: bool = False,
) -> list[Any]:
    asked = {**obs, "task": task_label, "key": cfg.unnorm_key, "cfg": SimpleNamespace(**vars(cfg))}
    parts = (processor, action_head, proprio_projector, noisy_action_projector)
    ASKED.append(asked | {"parts": parts, "film": use_film, "minivlm": use_minivlm, "model": model})
    obs["state"] = obs["state"] * 0  # upstream's writes the normalised state into what it got
    chunk = (scripted(len(ASKED) - 1, 8) + 1) / 2
    return [chunk[i] for i in range(min(len(chunk), cfg.num_open_loop_steps))]
