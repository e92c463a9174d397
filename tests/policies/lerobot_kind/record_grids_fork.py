"""Record how Grid-Sampler's LeRobot fork saves policies and acts: ``grids_fork.npz``.

Needs the repository's checkout (commit 11d58d7; LeRobot 0.3.4) before LeRobot 0.4.4's packages
(transformers 4.57, draccus 0.10, torch 2.13) on the path. Recorded on 28 November 2026::

    PYTHONPATH=CHECKOUT/lerobot/src:LEROBOT-0.4.4 \\
        python tests/policies/lerobot_kind/record_grids_fork.py SMOLVLM

SMOLVLM is the folder that ``make_policies.save_tiny_smolvlm`` writes. Recorded are config.json, the
names and shapes in model.safetensors, and the action (of SmolVLA the chunk) for one observation.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fork_weights import KINDS, RECORDED, fork_noise, fork_observation, fork_weight
from safetensors.torch import load_file

# The checkout lacks this room, which a list of policies names.
for module in ("evo1", "evo1.configuration_evo1"):
    sys.modules[f"lerobot.policies.{module}"] = types.ModuleType(module)
    sys.modules[f"lerobot.policies.{module}"].Evo1Config = object  # type: ignore[attr-defined]

CLASSES = {"smolvla": "SmolVLA", "act": "ACT", "diffusion": "Diffusion", "vqbet": "VQBeT"}
PRUNED = {"use_vision_grid_token_prune": True, "vision_grid_token_prune_num_tokens": 4}
RESNET = {"pretrained_backbone_weights": None, "device": "cpu"} | PRUNED
CHUNK = {"chunk_size": 8, "n_action_steps": 4, "device": "cpu"}


def sizes(vlm: str) -> dict[str, tuple[int, tuple[str, ...], dict[str, Any]]]:
    """Return side of the frames, cameras and further fields of each kind's configuration."""
    smolvla: dict[str, Any] = {"vlm_model_name": vlm, "load_vlm_weights": False, "num_steps": 2}
    smolvla |= {"num_vlm_layers": 2, "resize_imgs_with_padding": (128, 128)}
    smolvla |= {"expert_width_multiplier": 1.0, "tokenizer_max_length": 24}
    act = {"dim_model": 32, "n_heads": 2, "dim_feedforward": 32}
    act |= {"n_encoder_layers": 1, "n_vae_encoder_layers": 1}
    diffusion = {"down_dims": (16, 32), "crop_shape": (60, 50), "num_inference_steps": 2}
    diffusion |= {"spatial_softmax_num_keypoints": 4, "diffusion_step_embed_dim": 16}
    vqbet = {"gpt_block_size": 50, "gpt_input_dim": 16, "gpt_output_dim": 16, "gpt_hidden_dim": 16}
    vqbet |= {"vqvae_embedding_dim": 8, "vqvae_enc_hidden_dim": 8, "vqvae_n_embed": 4}
    vqbet |= {"gpt_n_layer": 1, "gpt_n_head": 2, "spatial_softmax_num_keypoints": 4}
    return {
        "smolvla": (
            256,
            ("image", "image2"),
            CHUNK | smolvla | {"grid_token_sampler_num_tokens": 4},
        ),
        "act": (96, ("image", "image2"), CHUNK | act | RESNET),
        "diffusion": (64, ("image", "image2"), diffusion | RESNET),
        "vqbet": (
            96,
            ("front",),
            vqbet | RESNET | {"crop_shape": (84, 84), "use_group_norm": True},
        ),
    }


def make(kind: str, vlm: str) -> Any:
    from lerobot.configs.types import FeatureType, PolicyFeature

    px, cameras, fields = sizes(vlm)[kind]
    seen = {
        f"observation.images.{name}": PolicyFeature(FeatureType.VISUAL, (3, px, px))
        for name in cameras
    } | {"observation.state": PolicyFeature(FeatureType.STATE, (8,))}
    done = {"action": PolicyFeature(FeatureType.ACTION, (7,))}
    where, name = f"lerobot.policies.{kind}", CLASSES[kind]
    config = getattr(importlib.import_module(f"{where}.configuration_{kind}"), f"{name}Config")
    policy = getattr(importlib.import_module(f"{where}.modeling_{kind}"), f"{name}Policy")
    torch.manual_seed(0)
    return policy(config(input_features=seen, output_features=done, **fields)).float().eval()


def main(vlm: str) -> None:
    recorded: dict[str, Any] = {}
    for kind in KINDS:
        policy = make(kind, vlm)
        state = policy.state_dict()
        drawn = {
            name: fork_weight(name, tuple(value.shape))
            for name, value in state.items()
            if value.is_floating_point()
        }
        policy.load_state_dict({**state, **drawn})
        with tempfile.TemporaryDirectory() as folder:
            policy.save_pretrained(Path(folder))
            config = json.loads((Path(folder) / "config.json").read_text())
            saved = load_file(Path(folder) / "model.safetensors")
        recorded[f"{kind}/config"] = json.dumps(config)
        shapes = {name: list(v.shape) for name, v in saved.items() if v.is_floating_point()}
        recorded[f"{kind}/weights"] = json.dumps(shapes)
        for name, value in saved.items():
            if not value.is_floating_point():
                recorded[f"{kind}/whole/{name}"] = value.numpy()
        policy.reset()
        torch.manual_seed(5)
        seen = fork_observation(config)
        with torch.no_grad():
            if kind == "smolvla":
                action = policy.predict_action_chunk(seen, noise=fork_noise(config))
            else:
                action = policy.select_action(seen)
        recorded[f"{kind}/action"] = action.numpy()
    np.savez_compressed(RECORDED, **recorded)


if __name__ == "__main__":
    main(sys.argv[1])
