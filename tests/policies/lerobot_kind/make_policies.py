"""Run beside LeRobot: make small policies and let LeRobot itself save them.

Usage: python make_policies.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
from lerobot.policies.factory import get_policy_class, make_pre_post_processors
from lerobot.policies.pi0.configuration_pi0 import PI0Config
from lerobot.policies.pi0_fast.configuration_pi0_fast import PI0FastConfig
from lerobot.policies.pi05.configuration_pi05 import PI05Config
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.vqbet.configuration_vqbet import VQBeTConfig
from lerobot.policies.xvla.configuration_xvla import XVLAConfig
from safetensors.torch import load_file, save_file
from tiny_models import SIDE, letters, shrink
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    SmolVLMConfig,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

CHUNK = {"chunk_size": 8, "n_action_steps": 4, "device": "cpu"}

LOUDER = {"smolvla": 4, "vqbet": 3, "pi0": 2, "pi05": 5, "pi0_fast": 8}
LOUDER |= dict.fromkeys(("act", "diffusion", "xvla"), 1)


def features(px: int, *cameras: str, action: int = 7, state: int = 8) -> dict[str, Any]:
    """Return a configuration's features."""
    images = {
        f"observation.images.{name}": PolicyFeature(FeatureType.VISUAL, (3, px, px))
        for name in cameras
    }
    return {
        "input_features": images
        | {"observation.state": PolicyFeature(FeatureType.STATE, (state,))},
        "output_features": {"action": PolicyFeature(FeatureType.ACTION, (action,))},
    }


def save(config: Any, folder: Path, renamed: dict[str, str] | None = None) -> None:
    torch.manual_seed(0)
    policy = get_policy_class(config.type)(config).float()
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            if name.endswith("image_projection"):
                weight.normal_(0, 0.2)  # X-VLA of 0.4.4 leaves it to the memory's contents
            elif weight.ndim > 1:  # as they begin, these models hardly look
                word = "embed_tokens" in name or "lm_head" in name  # tied: it answers with itself
                weight.mul_(0.02 if word and config.type == "pi0_fast" else LOUDER[config.type])
    scale = {"mean": torch.zeros(8), "std": torch.ones(8)}
    scale |= {"min": -torch.ones(8), "max": torch.ones(8)}
    scale |= {"q01": torch.full((8,), -0.5), "q99": torch.full((8,), 1.5)}
    low, high = torch.full((7,), -0.5), torch.full((7,), 0.5)
    stats: dict[str, Any] = {
        "observation.state": scale,
        "action": {"mean": torch.full((7,), 0.1), "std": torch.full((7,), 0.2)}
        | {"min": low, "max": high, "q01": low, "q99": high},
    }
    image = {"mean": torch.full((3, 1, 1), 0.4), "std": torch.full((3, 1, 1), 0.3)}
    image |= {"min": torch.zeros(3, 1, 1), "max": torch.ones(3, 1, 1)}
    stats |= dict.fromkeys(config.image_features, image)
    for part in (policy, *make_pre_post_processors(config, dataset_stats=stats)):
        part.save_pretrained(folder)
    if renamed is not None:
        rename(folder, renamed)


def rename(folder: Path, names: dict[str, str]) -> None:
    """Write what LeRobot's training writes with ``--rename_map``."""
    file = folder / "policy_preprocessor.json"
    told = json.loads(file.read_text())
    (step,) = [s for s in told["steps"] if s["registry_name"] == "rename_observations_processor"]
    step["config"]["rename_map"] = {
        f"observation.images.{old}": f"observation.images.{new}" for old, new in names.items()
    }
    file.write_text(json.dumps(told))


def leave_out(folder: Path, *steps: str) -> None:
    """Remove steps from a saved preprocessor, whose state files are numbered by their places."""
    file = folder / "policy_preprocessor.json"
    told = json.loads(file.read_text())
    told["steps"] = [step for step in told["steps"] if step["registry_name"] not in steps]
    file.write_text(json.dumps(told))


def act(**changed: Any) -> ACTConfig:
    sizes = {"dim_model": 32, "n_heads": 2, "dim_feedforward": 32}
    layers = {"n_encoder_layers": 1, "n_vae_encoder_layers": 1}
    weights = {"pretrained_backbone_weights": None}
    seen = features(96, "image", "image2")
    return ACTConfig(**(seen | CHUNK | sizes | layers | weights | changed))


def diffusion(**changed: Any) -> DiffusionConfig:
    return DiffusionConfig(
        **features(64, "image"),
        down_dims=(16, 32),
        pretrained_backbone_weights=None,
        spatial_softmax_num_keypoints=4,
        num_inference_steps=2,
        diffusion_step_embed_dim=16,
        device="cpu",
        **changed,
    )


def vqbet() -> VQBeTConfig:
    gpt = {"gpt_block_size": 50, "gpt_input_dim": 16, "gpt_output_dim": 16, "gpt_hidden_dim": 16}
    codes = {"vqvae_embedding_dim": 8, "vqvae_enc_hidden_dim": 8, "vqvae_n_embed": 4}
    return VQBeTConfig(
        **(features(96, "front") | gpt | codes),
        crop_shape=(84, 84),
        pretrained_backbone_weights=None,
        use_group_norm=True,
        gpt_n_layer=1,
        gpt_n_head=2,
        spatial_softmax_num_keypoints=4,
        device="cpu",
    )


def smolvla(folder: Path, *cameras: str, **changed: Any) -> SmolVLAConfig:
    vlm = folder / "tiny-smolvlm"
    if not vlm.exists():
        save_tiny_smolvlm(vlm)
    return SmolVLAConfig(
        **features(256, *cameras),
        **CHUNK,
        num_steps=2,
        vlm_model_name=str(vlm),
        load_vlm_weights=False,
        num_vlm_layers=2,
        resize_imgs_with_padding=(128, 128),
        expert_width_multiplier=1.0,
        tokenizer_max_length=24,
        **changed,
    )


def pi(kind: type[Any], *cameras: str, action: int = 7, state: int = 8, **changed: Any) -> Any:
    return kind(
        **features(224, *cameras, action=action, state=state),
        **CHUNK,
        image_resolution=(SIDE, SIDE),
        max_state_dim=16,
        max_action_dim=12,
        **changed,
    )


def xvla(folder: Path, **changed: Any) -> XVLAConfig:
    tokenizer = folder / "letters"
    letters().save_pretrained(tokenizer)
    vision = {"depths": [1, 1], "dim_embed": [8, 16], "num_heads": [2, 2], "num_groups": [2, 2]}
    vision |= {"patch_size": [7, 3], "patch_stride": [8, 4], "patch_padding": [3, 1]}
    vision |= {"patch_prenorm": [False, True], "window_size": 4, "projection_dim": 16}
    vision |= {
        "model_type": "davit",
        "visual_temporal_embedding": {"type": "COSINE", "max_temporal_embeddings": 10},
        "image_pos_embed": {"type": "learned_abs_2d", "max_pos_embeddings": 16},
        "image_feature_source": ["spatial_avg_pool", "temporal_avg_pool"],
    }
    text = {"vocab_size": 400, "d_model": 16, "max_position_embeddings": 128}
    text |= {"encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16}
    text |= {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 16}
    florence = {"vision_config": vision, "text_config": text, "projection_dim": 16}
    return XVLAConfig(
        **features(256, "image", "image2", "image3", action=20),
        **CHUNK,
        florence_config=florence | {"vocab_size": 400},
        tokenizer_name=str(tokenizer),
        tokenizer_max_length=24,
        hidden_size=16,
        depth=1,
        num_heads=2,
        num_domains=4,
        len_soft_prompts=2,
        dim_time=8,
        max_len_seq=256,
        num_denoising_steps=2,
        resize_imgs_with_padding=(64, 64),
        **changed,
    )


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
    """Write a copy of a checkpoint with GridS's parameters in it, as the LeRobot fork writes it.

    Statistics are parameters, there is no processor, and config.json says how many points there
    are (``record_grids_fork.py``).
    """
    folder.mkdir()
    config = json.loads((source / "config.json").read_text())
    config |= {"use_grid_token_sampler": True, "grid_token_sampler_num_tokens": 4}
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(source / "model.safetensors")
    for key, value in load_file(sampler).items():
        if key != leave_out:
            tensors[f"model.token_sampler.{key}"] = value
    (stored,) = source.glob("policy_postprocessor*unnormalizer*.safetensors")
    statistics = load_file(stored)
    for statistic in ("mean", "std"):
        value = {"mean": torch.zeros(8), "std": torch.ones(8)}[statistic]
        tensors[f"normalize_inputs.buffer_observation_state.{statistic}"] = value
        for head in ("normalize_targets", "unnormalize_outputs"):
            # Copies: a file does not hold one tensor under two names.
            value = statistics[f"action.{statistic}"].clone()
            tensors[f"{head}.buffer_action.{statistic}"] = value
    save_file(tensors, folder / "model.safetensors")


def save_adapter(base: Path, folder: Path) -> None:
    """Write a LoRA of a saved policy, with peft and as LeRobot's training does."""
    from peft import LoraConfig, get_peft_model

    policy = get_policy_class("smolvla").from_pretrained(str(base))
    policy.config.pretrained_path = base
    policy.name_or_path = str(base)
    torch.manual_seed(2)
    wanted = LoraConfig(r=2, target_modules=r".*lm_expert\..*\.(q|v)_proj", init_lora_weights=False)
    adapted = get_peft_model(policy, wanted)
    policy.config.use_peft = True
    adapted.save_pretrained(folder)
    policy.config.save_pretrained(folder)
    for file in base.glob("policy_*"):
        (folder / file.name).write_bytes(file.read_bytes())


def make_samplers(folder: Path) -> None:
    from gridseval.tokens.pruners.grids import GridSampler

    torch.manual_seed(1)
    sampler = folder / "sampler.safetensors"
    save_file(GridSampler(k=4, dim=48, convention="lerobot").state_dict(), sampler)
    save_file(GridSampler(k=2, dim=16).state_dict(), folder / "sampler_pi.safetensors")
    add_sampler(folder / "smolvla", folder / "smolvla_grids", sampler)
    add_sampler(folder / "smolvla", folder / "smolvla_lacking", sampler, "scout_mlp.0.weight")


def main(folder: Path) -> None:
    shrink()
    save(act(), folder / "act")
    save(act(temporal_ensemble_coeff=0.01, n_action_steps=1), folder / "act_ensemble")
    save(diffusion(crop_shape=(60, 60)), folder / "diffusion")
    save(diffusion(crop_shape=None), folder / "diffusion_whole")
    save(vqbet(), folder / "vqbet")
    save(smolvla(folder, "image", "wrist_image"), folder / "smolvla")
    save(smolvla(folder, "image", "wrist", use_amp=True), folder / "smolvla_amp")
    three = smolvla(folder, "camera1", "camera2", "camera3", empty_cameras=1)
    save(three, folder / "smolvla_three", {"image": "camera1", "image2": "camera2"})
    save(pi(PI0Config, "image", "image2", empty_cameras=1), folder / "pi0")
    if hasattr(PI0Config, "use_relative_actions"):
        relative = pi(PI0Config, "image", "image2", use_relative_actions=True)
        save(relative, folder / "pi0_relative")
    openpi = ("base_0_rgb", "left_wrist_0_rgb", "right_wrist_0_rgb")
    save(pi(PI05Config, *openpi, action=12, state=16), folder / "pi05")
    fast = {"validate_action_token_prefix": False, "max_decoding_steps": 60}
    save(pi(PI0FastConfig, *openpi[:2], empty_cameras=1, **fast), folder / "pi0_fast")
    for name in ("xvla", "xvla_twice"):
        save(xvla(folder), folder / name)
    leave_out(folder / "xvla", "xvla_image_to_float", "xvla_imagenet_normalize")
    save(xvla(folder, action_mode="auto"), folder / "xvla_auto")
    save_adapter(folder / "smolvla", folder / "smolvla_lora")
    make_samplers(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
