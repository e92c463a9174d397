"""Run beside LeRobot: make small policies and let LeRobot itself save them.

Usage: python make_policies.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    SmolVLMConfig,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

ACTION = {"action": PolicyFeature(FeatureType.ACTION, (7,))}


def features(px: int, *cameras: str) -> dict[str, PolicyFeature]:
    made = {
        f"observation.images.{name}": PolicyFeature(FeatureType.VISUAL, (3, px, px))
        for name in cameras
    }
    return made | {"observation.state": PolicyFeature(FeatureType.STATE, (8,))}


def save(kind: type[Any], config: Any, folder: Path) -> None:
    torch.manual_seed(0)
    policy = kind(config).float()
    scale = {"mean": torch.zeros(8), "std": torch.ones(8)}
    scale |= {"min": -torch.ones(8), "max": torch.ones(8)}
    stats = {
        "observation.state": scale,
        "action": {"mean": torch.full((7,), 0.1), "std": torch.full((7,), 0.2)}
        | {"min": torch.full((7,), -0.5), "max": torch.full((7,), 0.5)},
    }
    image = {"mean": torch.full((3, 1, 1), 0.4), "std": torch.full((3, 1, 1), 0.3)}
    stats |= dict.fromkeys(config.image_features, image)
    for part in (policy, *make_pre_post_processors(config, dataset_stats=stats)):
        part.save_pretrained(folder)


def make_act(folder: Path) -> None:
    config = ACTConfig(
        input_features=features(96, "image", "image2"),
        output_features=ACTION,
        chunk_size=8,
        n_action_steps=4,
        dim_model=32,
        n_heads=2,
        dim_feedforward=32,
        n_encoder_layers=1,
        n_vae_encoder_layers=1,
        pretrained_backbone_weights=None,
        device="cpu",
    )
    save(ACTPolicy, config, folder)


def make_diffusion(folder: Path) -> None:
    config = DiffusionConfig(
        input_features=features(64, "image"),
        output_features=ACTION,
        down_dims=(16, 32),
        crop_shape=(60, 60),
        pretrained_backbone_weights=None,
        spatial_softmax_num_keypoints=4,
        num_inference_steps=2,
        diffusion_step_embed_dim=16,
        device="cpu",
    )
    save(DiffusionPolicy, config, folder)


def make_smolvla(folder: Path) -> None:
    vlm = folder.parent / "tiny-smolvlm"
    save_tiny_smolvlm(vlm)
    config = SmolVLAConfig(
        input_features=features(256, "image", "wrist_image"),
        output_features=ACTION,
        chunk_size=8,
        n_action_steps=4,
        num_steps=2,
        vlm_model_name=str(vlm),
        load_vlm_weights=False,
        num_vlm_layers=2,
        resize_imgs_with_padding=(128, 128),
        expert_width_multiplier=1.0,
        tokenizer_max_length=24,
        device="cpu",
    )
    save(SmolVLAPolicy, config, folder)


def save_tiny_smolvlm(folder: Path) -> None:
    special = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    words = ["<pad>", "<unk>", *special.values(), "\n", *map(chr, range(32, 127))]
    vocabulary = {word: number for number, word in enumerate(words)}
    letters = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=letters,
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens=special,
    )
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    text = {"hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
    config = SmolVLMConfig(
        vision_config=vision | {"num_attention_heads": 2, "image_size": 128, "patch_size": 8},
        text_config=text
        | {
            "model_type": "llama",
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "vocab_size": len(vocabulary),
            "pad_token_id": 0,
        },
        scale_factor=2,
        image_token_id=2,
        pad_token_id=0,
    )
    config.save_pretrained(folder)
    processor = SmolVLMProcessor(SmolVLMImageProcessor(), tokenizer, SmolVLMVideoProcessor())
    processor.save_pretrained(folder)


def add_sampler(source: Path, folder: Path, sampler: Path, leave_out: str = "") -> None:
    """Write a copy of a checkpoint with GridS's parameters in it, as the LeRobot fork does."""
    folder.mkdir()
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    tensors = load_file(source / "model.safetensors")
    for key, value in load_file(sampler).items():
        if key != leave_out:
            tensors[f"model.active_token_sampler.{key}"] = value
    save_file(tensors, folder / "model.safetensors")


def main(folder: Path) -> None:
    from gridseval.tokens.pruners.grids import GridSampler

    make_act(folder / "act")
    make_diffusion(folder / "diffusion")
    make_smolvla(folder / "smolvla")
    torch.manual_seed(1)
    sampler = folder / "sampler.safetensors"
    save_file(GridSampler(k=4, dim=48, convention="lerobot").state_dict(), sampler)
    add_sampler(folder / "smolvla", folder / "smolvla_grids", sampler)
    add_sampler(folder / "smolvla", folder / "smolvla_lacking", sampler, "scout_mlp.0.weight")


main(Path(sys.argv[1]))
