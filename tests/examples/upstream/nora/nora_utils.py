"""A double of declare-lab/nora's experiments/libero/nora_utils.py, as read at commit 6b18c23."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scripted import scripted


class Nora:
    def __init__(
        self,
        model_path: str = "declare-lab/nora",
        device: str | None = None,
        torch_dtype: str = "bfloat16",
    ) -> None:
        self.made_with = (model_path, device)
        self.fast_tokenizer = SimpleNamespace(action_dim=7, time_horizon=1)
        self.libero_keys = {
            "libero_object": [
                np.array([-0.5, -0.875, -0.9375, -0.07, -0.117, -0.16, 0.0]),
                np.array([0.846, 0.84375, 0.9375, 0.081, 0.149, 0.087, 1.0]),
            ],
            "libero_object_min": [np.array([-0.9] * 6 + [-1.0]), np.array([0.9] * 6 + [1.0])],
        }
        self.asked: list[tuple[Any, str, str]] = []

    def inference(
        self, image: Any, instruction: str, unnorm_key: str | None = None, unnormalizer: Any = None
    ) -> Any:
        assert unnorm_key is not None
        self.asked.append((image, instruction, unnorm_key))
        low, high = self.libero_keys[unnorm_key]
        normalised = scripted(len(self.asked) - 1, self.fast_tokenizer.time_horizon)
        return 0.5 * (normalised + 1) * (high - low) + low
