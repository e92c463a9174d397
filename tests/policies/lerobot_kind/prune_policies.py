"""Run beside LeRobot: load its saved π0, π0.5 and SmolVLA by gridseval with pruners; print JSON.

Usage: python prune_policies.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from act_with_policies import seen
from served import EPISODES
from tiny_models import shrink

from gridseval.errors import PolicyError
from gridseval.policies import load_policy

ARGUMENTS: dict[str, dict[str, str]] = {
    "dense": {},
    "fastv": {"k": "1", "layer": "1"},
    "flashvla": {"k": "1", "layer": "1"},
    "grids": {"k": "2", "convention": "lerobot", "interpolation": "nearest", "margin": "0.1"},
    "lightvla": {},
    "lightvla_star": {"queries": "2"},
    "random": {"k": "1"},
    "sp_vla": {"z_thre": "0", "z_min": "1"},
    "vla_cache": {"locations": "1", "relevance_layer": "1"},
    "vla_pruner": {"k": "1", "layer": "1", "action_layer": "1", "window": "1"},
}
REFUSED: dict[str, tuple[str, dict[str, str]]] = {
    "another type": ("act", {"pruner": "fastv"}),
    "an argument": ("pi0", {"pruner": "fastv", "kk": "1"}),
    "no pruner": ("pi0", {"k": "1"}),
    "a layer": ("pi0", {"pruner": "fastv", "layer": "2"}),
    "a budget": ("pi0", {"pruner": "fastv", "k": "5", "layer": "1"}),
    "queries of another width": ("pi0", {"pruner": "lightvla_star", "encoder_dim": "9"}),
}


def ask(folder: Path, name: str, slots: list[int], **arguments: str) -> Any:
    """Return the second answer to these episodes, and the loaded policy."""
    loaded = load_policy(None, str(folder / name), arguments, 7)
    loaded.policy.reset(slots, [EPISODES[slot] for slot in slots])
    loaded.policy.act(seen(slots, 0))
    return loaded, loaded.policy.act(seen(slots, 4))


def pruner_inside(policy: Any) -> Any:
    """Return a policy's pruner, with its hooks."""
    while hasattr(policy, "_policy"):
        policy = policy._policy
    return policy._pruned.pruner


def pixel_range(policy: Any) -> list[float] | None:
    """Return the least and the largest pixel that a pruner was given last."""
    pixels = pruner_inside(policy)._hooks.query.context.pixels
    return None if pixels is None else [float(pixels.min()), float(pixels.max())]


def refusal(checkpoint: Path, arguments: dict[str, str]) -> str:
    """Return why a checkpoint does not load."""
    try:
        load_policy(None, str(checkpoint), arguments, 7)
    except PolicyError as error:
        return f"{error}; {error.hint}"
    return "it loads"


def main(folder: Path) -> None:
    shrink()
    told: dict[str, Any] = {"pruned": {}, "refused": {}}
    for name in ("pi0", "pi05", "smolvla"):
        _, plain = ask(folder, name, [0, 1])
        for pruner, arguments in ARGUMENTS.items():
            loaded, chunk = ask(folder, name, [0, 1], pruner=pruner, **arguments)
            _, alone = ask(folder, name, [1], pruner=pruner, **arguments)
            _, batch = ask(folder, name, [0, 1], pruner=pruner, batch="2", **arguments)
            told["pruned"][f"{name} {pruner}"] = {
                "kept": [trace.kept_count for trace in chunk.traces],
                "grids": [list(camera.grid) for camera in chunk.traces[0].cameras],
                "from_plain": float(np.abs(chunk.actions - plain.actions).max()),
                "alone": float(np.abs(chunk.actions[1:] - alone.actions).max()),
                "batch": float(np.abs(chunk.actions - batch.actions).max()),
                "details": loaded.description["pruner"],
                "notes": loaded.notes,
                "pixels": pixel_range(loaded.policy),
            }
    for case, (name, arguments) in REFUSED.items():
        told["refused"][case] = refusal(folder / name, arguments)
    loaded, _ = ask(folder, "pi0", [0], pruner="grids", **ARGUMENTS["grids"])
    told["grids"] = {
        key: getattr(pruner_inside(loaded.policy)._pruner, key)
        for key in ("k", "convention", "interpolation", "margin")
    }
    sys.stdout.write("told:" + json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
