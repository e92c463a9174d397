"""A double of WorldVLA's worldvla/model, as read at commit 6a9af08."""

from __future__ import annotations

from typing import Any


class ChameleonXLLMXForConditionalGeneration_ck:  # noqa: N801 (upstream's name)
    @classmethod
    def from_pretrained(
        cls,
        folder: str,
        max_position_embeddings: int,
        mask_image_logits: bool,
        dropout: float,
        z_loss_weight: float,
        torch_dtype: Any,
        device_map: str,
    ) -> ChameleonXLLMXForConditionalGeneration_ck:
        made = cls()
        made.made_with = (folder, max_position_embeddings, mask_image_logits, str(torch_dtype))
        made.evaluating = False
        return made

    def to(self, device: Any) -> ChameleonXLLMXForConditionalGeneration_ck:
        self.device = str(device)
        return self

    def eval(self) -> None:
        self.evaluating = True
