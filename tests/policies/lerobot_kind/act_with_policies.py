"""Run beside LeRobot: load what it saved by gridseval, and print what comes out, as JSON.

Usage: python act_with_policies.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from served import EPISODES, observe

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, load_policy


def play(name: str, slots: list[int], steps: tuple[int, ...] = (0,), **arguments: str) -> Any:
    """Return the answers to these episodes (slot i plays episode i) and the loaded policy."""
    loaded = load_policy(None, str(FOLDER / name), arguments, 7)
    loaded.policy.reset(slots, [EPISODES[slot] for slot in slots])
    chunks: list[ActionChunk] = [loaded.policy.act(observe(slots, step)) for step in steps]
    return loaded, chunks


def refused(*arguments: Any, **keywords: Any) -> str:
    try:
        play(*arguments, **keywords)
    except PolicyError as error:
        return f"{error.message} ({error.hint})"
    return ""


def by_lerobot_itself() -> list[float]:
    """Return ACT's first action in slot 0, by LeRobot's own loop."""
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.factory import make_pre_post_processors

    policy = ACTPolicy.from_pretrained(FOLDER / "act")
    before, after = make_pre_post_processors(policy.config, pretrained_path=str(FOLDER / "act"))
    seen = observe([0])
    batch: dict[str, Any] = {"observation.state": torch.from_numpy(seen["state"])}
    for name, camera in (("image", "agentview"), ("image2", "wrist")):
        from PIL import Image

        small = Image.fromarray(seen[camera][0]).resize((96, 96), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 255
        batch[f"observation.images.{name}"] = pixels
    with torch.inference_mode():
        action: list[float] = after(policy.select_action(before(batch)))[0].tolist()
    return action


def main() -> dict[str, Any]:
    told: dict[str, Any] = {"by_lerobot": by_lerobot_itself()}
    for name in ("act", "diffusion", "smolvla", "smolvla_grids"):
        loaded, (first, *_) = play(name, [0, 1])
        _, (alone, *_) = play(name, [1])
        told[name] = {
            "kind": loaded.name,
            "keys": loaded.observation_keys,
            "replan": loaded.replan,
            "notes": loaded.notes,
            "actions": first.actions.tolist(),
            "alone": alone.actions.tolist(),
        }
    _, history = play("diffusion", [0, 1], (0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
    told["history"] = [chunk.actions[:, 0].tolist() for chunk in history]
    _, alone = play("diffusion", [1], (0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
    told["history_alone"] = [chunk.actions[:, 0].tolist() for chunk in alone]
    _, (together,) = play("smolvla", [0, 1], batch="2")
    told["batched"] = together.actions.tolist()
    _, (sampled,) = play("smolvla", [0, 1], grids=str(FOLDER / "sampler.safetensors"))
    told["grids_file"] = sampled.actions.tolist()
    _, (sampled,) = play("smolvla_grids", [0, 1])
    told["traces"] = [
        [(camera.camera, camera.grid, camera.points.tolist()) for camera in trace.cameras]
        for trace in sampled.traces
    ]
    told["refused"] = {
        "lacking": refused("smolvla_lacking", [0]),
        "act": refused("act", [0], grids=str(FOLDER / "sampler.safetensors")),
        "twice": refused("smolvla_grids", [0], grids=str(FOLDER / "sampler.safetensors")),
        "camera": refused("act", [0], cameras="observation.images.imag=wrist"),
        "replan": refused("act", [0], replan="9"),
        "batch": refused("diffusion", [0], batch="2"),
        "truncated": refused("act_truncated", [0]),
    }
    return told


FOLDER = Path(sys.argv[1])
sys.stdout.write("told:" + json.dumps(main()))
