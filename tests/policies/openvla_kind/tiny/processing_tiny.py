"""A checkpoint's own code: from a prompt and an image to inputs."""

import numpy as np
import torch
from transformers import BatchFeature


class TinyProcessor:
    @classmethod
    def from_pretrained(cls, *args, **kwargs):
        return cls()

    @classmethod
    def register_for_auto_class(cls, auto_class=None):
        pass

    def __call__(self, prompt, image):
        assert image.size == (224, 224)
        assert prompt.startswith("In: What action should the robot take to ")
        assert prompt.endswith("?\nOut:")
        ids = torch.tensor([[1, *(ord(letter) for letter in prompt)]])
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
        return BatchFeature(
            {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}
        )
