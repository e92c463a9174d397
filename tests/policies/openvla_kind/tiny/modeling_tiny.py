"""A checkpoint's own code: one model with OpenVLA's, OpenVLA-OFT's, LightVLA's predict_action."""

import numpy as np
import torch
from torch import nn
from transformers import LlamaForCausalLM, PreTrainedModel

from .configuration_tiny import TinyConfig


class Block(nn.Module):
    """Named as timm's; attention is a linear layer."""

    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = nn.Linear(width, width), nn.Linear(width, width)
        self.ls1, self.ls2, self.drop_path1, self.drop_path2 = (nn.Identity() for _ in range(4))

    def forward(self, x):
        x = x + self.drop_path1(self.ls1(self.attn(self.norm1(x))))
        return x + self.drop_path2(self.ls2(self.mlp(self.norm2(x))))


class PatchEmbed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, 14, 14)

    def forward(self, x):
        return self.proj(x).flatten(2).mT


class Vit(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.num_features = width
        self.patch_embed = PatchEmbed(width)
        self.blocks = nn.Sequential(Block(width), Block(width))

    def forward(self, pixels):
        x = self.patch_embed(pixels)
        for block in self.blocks:
            x = block(x)
        return x


class Backbone(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.featurizer = Vit(width)
        self.images = 1

    def set_num_images_in_input(self, number):
        self.images = number

    def forward(self, pixels):
        parts = pixels.split(3, dim=1)
        assert len(parts) == self.images
        return torch.cat([self.featurizer(part) for part in parts], 1)


class Chooser(nn.Module):
    """Has the methods of LightVLA's pruner, and drops some tokens that its scores want."""

    num_patches = 256

    def get_score(self, patches, prompts):
        wanted = torch.softmax(patches @ prompts.mT, -1) @ prompts
        return wanted @ patches.mT

    def score_to_mask(self, score):
        mask = torch.zeros(score.shape[:2], dtype=torch.bool)
        mask = mask.scatter(1, score.argmax(-1), True)
        mask[:, mask[0].nonzero()[::3, 0]] = False
        return mask


class ShortLlama(LlamaForCausalLM):
    """A language model that prunes by itself."""

    def __init__(self, config):
        super().__init__(config)
        self.model.pruner = Chooser()

    def forward(self, inputs_embeds, attention_mask, position_ids=None, **more):
        pruner = self.model.pruner
        count = 1 + pruner.num_patches
        score = pruner.get_score(inputs_embeds[:, 1:count], inputs_embeds[:, count:])
        whole = torch.ones_like(attention_mask, dtype=torch.bool)
        whole[:, 1:count] = pruner.score_to_mask(score)
        places = whole[0].nonzero()[:, 0]
        return super().forward(
            inputs_embeds=inputs_embeds[:, places],
            attention_mask=attention_mask[:, places],
            position_ids=places[None],
            **more,
        )


class TinyVla(PreTrainedModel):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        self.vision_backbone = Backbone(32)
        self.language_model = (ShortLlama if config.light else LlamaForCausalLM)(config.text_config)
        self.llm_dim = 32
        if config.projects:
            self.projector = nn.Linear(32, 32)
        self.norm_stats = {}
        self.post_init()

    def set_num_images_in_input(self, number):
        self.vision_backbone.set_num_images_in_input(number)
        if self.config.light:
            self.language_model.model.pruner.num_patches = 256 * number

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
        film = (embed(input_ids),) if use_film else ()
        patches = self.vision_backbone(pixel_values, *film)
        if self.config.projects:
            patches = self.projector(patches)
        if proprio is not None:
            state = torch.tensor(proprio, dtype=patches.dtype)[None]
            patches = torch.cat([patches, proprio_projector(state)[:, None]], 1)
        slots = torch.full((1, 56 if self.config.oft else 7), 199)
        stop = torch.full((1, 1), 2)
        words = embed(torch.cat([input_ids, slots, stop], 1))
        joined = torch.cat([words[:, :1], patches, words[:, 1:]], 1)
        output = self.language_model(
            input_ids=None,
            attention_mask=torch.ones(joined.shape[:2], dtype=torch.long),
            position_ids=None,
            inputs_embeds=joined,
            output_hidden_states=True,
            return_dict=True,
        )
        # From the last token of the prompt to the last slot but one.
        first = patches.shape[1] + input_ids.shape[1] - 1
        states = output.hidden_states[-1][:, first : first + slots.shape[1]]
        if self.config.light:
            states = output.hidden_states[-1][:, -56:]
        if not self.config.oft:
            return self._unnormalise(torch.tanh(states[0, :, 0]).float().numpy(), unnorm_key)
        actions = action_head.predict_action(states)[0]
        return self._unnormalise(actions.float().numpy(), unnorm_key), states
