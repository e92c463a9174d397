"""Weights of the LeRobot fork's policies by their names, so that a recording stores names only."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

RECORDED = Path(__file__).parent / "grids_fork.npz"
KINDS = ("smolvla", "act", "diffusion", "vqbet")
TASK = "put the bowl"
INSIDE = {"min": (-1.5, -1), "max": (1, 1.5), "std": (0.5, 1), "running_var": (0.5, 1.5)}


def fork_weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return float32 numbers that are equal wherever a weight has this name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    last = name.rpartition(".")[2]
    if last in INSIDE:
        drawn = rng.uniform(*INSIDE[last], size=shape)
    elif len(shape) < 2:
        drawn = 0.1 * rng.normal(size=shape) + (last == "weight")
    else:
        loud = 10 if "sampler.scout_mlp.2" in name else 1.5
        drawn = rng.normal(size=shape) * loud / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(drawn, np.float32))


def fork_observation(config: dict[str, Any]) -> dict[str, Any]:
    """Return an observation, float32 (1, 3, height, width) in [0, 1] and (1, 8), and a task."""
    rng = np.random.default_rng(0)
    seen: dict[str, Any] = {"task": [TASK]}
    for name, feature in config["input_features"].items():
        shape = (1, *feature["shape"])
        drawn = rng.random(shape) if feature["type"] == "VISUAL" else rng.normal(size=shape)
        seen[name] = torch.from_numpy(drawn.astype(np.float32))
    return seen


def write_fork_checkpoint(kind: str, folder: Path, vlm: Path) -> dict[str, Any]:
    """Write what the fork writes, config.json and model.safetensors; return the configuration.

    Args:
        kind: One of ``KINDS``.
        folder: Where to.
        vlm: SmolVLM's configuration and processor.
    """
    recorded = np.load(RECORDED)
    config: dict[str, Any] = json.loads(str(recorded[f"{kind}/config"]))
    if kind == "smolvla":
        config["vlm_model_name"] = str(vlm)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {
        name: fork_weight(name, tuple(shape))
        for name, shape in json.loads(str(recorded[f"{kind}/weights"])).items()
    }
    whole = f"{kind}/whole/"
    for key in recorded.files:
        if key.startswith(whole):
            tensors[key.removeprefix(whole)] = torch.from_numpy(recorded[key])
    save_file(tensors, folder / "model.safetensors")
    return config


def fork_noise(config: dict[str, Any]) -> torch.Tensor:
    """Return SmolVLA's noise, float32 (1, chunk, width)."""
    shape = (1, config["chunk_size"], config["max_action_dim"])
    return torch.from_numpy(np.random.default_rng(9).normal(size=shape).astype(np.float32))
