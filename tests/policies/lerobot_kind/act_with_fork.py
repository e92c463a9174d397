"""Run beside LeRobot: load what GridS's LeRobot fork writes by gridseval; print JSON.

Usage: python act_with_fork.py FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fork_weights import KINDS, RECORDED, fork_noise, fork_observation, write_fork_checkpoint
from make_policies import save_tiny_smolvlm
from safetensors.torch import load_file, save_file

from gridseval.errors import PolicyError
from gridseval.policies import load_policy

ARGUMENTS = {"vqbet": {"cameras": "front=agentview"}}


def acted(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return how far the actions are from the fork's, and from those of another convention."""
    off = {}
    for convention in (None, "openpi"):
        given = dict(ARGUMENTS.get(kind, {}))
        given |= {} if convention is None else {"convention": convention}
        loaded = load_policy(None, str(FOLDER / kind), given, 7)
        checkpoint, hook = loaded.policy._checkpoint, loaded.policy._hook
        checkpoint.policy.reset()
        batch = checkpoint.before(fork_observation(config))
        if hook is not None:
            hook.begin()
        torch.manual_seed(5)
        with torch.no_grad():
            if kind == "smolvla":
                done = checkpoint.policy.predict_action_chunk(batch, noise=fork_noise(config))
            else:
                done = checkpoint.policy.select_action(batch)
        theirs = np.load(RECORDED)[f"{kind}/action"]
        ours = checkpoint.after(done.flatten(0, -2)).numpy().reshape(theirs.shape)
        off[str(convention)] = float(np.abs(ours - theirs).max())
    traces = None if hook is None else hook.take(1)
    kept = None if traces is None else [len(camera.points) for camera in traces[0].cameras]
    return {"off": off, "kept": kept}


def refused(kind: str, change: Any) -> str:
    folder = FOLDER / f"{kind}_changed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FOLDER / kind, folder)
    config = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    tensors = change(config, tensors) or tensors
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    try:
        load_policy(None, str(folder), ARGUMENTS.get(kind, {}), 7)
    except PolicyError as error:
        return str(error)
    return ""


def without(part: str) -> Any:
    return lambda _, tensors: {k: v for k, v in tensors.items() if part not in k}


def main() -> dict[str, Any]:
    torch.set_num_threads(1)
    vlm = FOLDER / "tiny-smolvlm"
    save_tiny_smolvlm(vlm)
    configs = {kind: write_fork_checkpoint(kind, FOLDER / kind, vlm) for kind in KINDS}
    told: dict[str, Any] = {kind: acted(kind, config) for kind, config in configs.items()}
    number = {"grid_token_sampler_num_tokens": 8}
    told["transformers"] = int(version("transformers").partition(".")[0])
    told["refused"] = {
        "lost": refused("smolvla", without("token_sampler")),
        "act lost": refused("act", without("vision_token_sampler")),
        "number": refused("smolvla", lambda config, _: config.update(number)),
        "off": refused("smolvla", lambda config, _: config.update(use_grid_token_sampler=False)),
        "statistics": refused("act", without("buffer_action.std")),
        "layer": refused("diffusion", without("prune_to_spatial")),
        "place": refused("act", without("encoder_cam_pruned_pos_embed")),
    }
    return told


FOLDER = Path(sys.argv[1])
if __name__ == "__main__":
    sys.stdout.write("told:" + json.dumps(main()))
