"""A checkpoint's own code: one model with OpenVLA's and OpenVLA-OFT's predict_action."""

import numpy as np
import torch
from torch import nn
from transformers import LlamaForCausalLM, PreTrainedModel

from .configuration_tiny import TinyConfig


class Backbone(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 14, 14)
        self.images = 1

    def set_num_images_in_input(self, number):
        self.images = number

    def forward(self, pixels):
        parts = pixels.split(3, dim=1)
        assert len(parts) == self.images
        return torch.cat([self.patches(part).flatten(2).mT for part in parts], 1)


class TinyVla(PreTrainedModel):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        self.vision_backbone = Backbone(32)
        self.language_model = LlamaForCausalLM(config.text_config)
        self.llm_dim = 32
        self.norm_stats = {}
        self.post_init()

    def _stats(self, key):
        return {k: np.array(v) for k, v in self.norm_stats[key]["action"].items()}

    def _unnormalise(self, actions, key):
        stats = self._stats(key)
        scaled = 0.5 * (actions + 1) * (stats["q99"] - stats["q01"]) + stats["q01"]
        return np.where(stats["mask"], scaled, actions)

    def predict_action(
        self,
        input_ids=None,
        attention_mask=None,
        pixel_values=None,
        unnorm_key=None,
        do_sample=None,
        proprio=None,
        proprio_projector=None,
        action_head=None,
        use_film=None,
    ):
        assert do_sample is False
        embed = self.language_model.get_input_embeddings()
        patches = self.vision_backbone(pixel_values)
        if proprio is not None:
            state = torch.tensor(proprio, dtype=patches.dtype)[None]
            patches = torch.cat([patches, proprio_projector(state)[:, None]], 1)
        slots = torch.full((1, 56 if self.config.oft else 7), 199)
        words = embed(torch.cat([input_ids, slots], 1))
        joined = torch.cat([words[:, :1], patches, words[:, 1:]], 1)
        output = self.language_model(
            input_ids=None,
            attention_mask=torch.ones(joined.shape[:2], dtype=torch.long),
            position_ids=None,
            inputs_embeds=joined,
            output_hidden_states=True,
            return_dict=True,
        )
        states = output.hidden_states[-1][:, -slots.shape[1] :]
        if not self.config.oft:
            return self._unnormalise(torch.tanh(states[0, :, 0]).float().numpy(), unnorm_key)
        actions = action_head.predict_action(states)[0]
        return self._unnormalise(actions.float().numpy(), unnorm_key), states
