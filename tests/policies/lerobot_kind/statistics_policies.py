"""Run beside LeRobot: what is said of a checkpoint whose statistics are not all there.

Usage: python statistics_policies.py CHECKPOINTS FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from make_policies import rename
from safetensors.torch import load_file, save_file
from tiny_models import shrink

from gridseval.errors import PolicyError
from gridseval.policies import load_policy

Tensors = dict[str, torch.Tensor]
Change = Callable[[Tensors], Tensors]

NEEDED = {
    "act": ("mean", "std"),
    "diffusion": ("min", "max"),
    "pi05": ("q01", "q99"),
    "smolvla": ("mean", "std"),
}
"""Checkpoint to the statistics that its actions and states need."""


def without(start: str) -> Change:
    return lambda all_: {key: value for key, value in all_.items() if not key.startswith(start)}


def shaped(start: str, *shape: int) -> Change:
    return lambda all_: all_ | {key: torch.ones(shape) for key in all_ if key.startswith(start)}


def moved(old: str, new: str) -> Change:
    return lambda all_: {key.replace(old, new): value for key, value in all_.items()}


def infinite(all_: Tensors) -> Tensors:
    return all_ | {key: all_[key] / 0 for key in all_ if key.startswith("action.")}


def said(
    name: str, change: Change, files: str = "policy_*", renamed: dict[str, str] | None = None
) -> tuple[str, str]:
    """Return the refusal of a changed checkpoint, and the notes of what was loaded."""
    folder = FOLDER / "checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHECKPOINTS / name, folder)
    for file in folder.glob(f"{files}.safetensors"):
        save_file(change({key: v.clone() for key, v in load_file(file).items()}), file)
    if renamed is not None:
        rename(folder, renamed)
    try:
        loaded = load_policy(None, str(folder), {}, 7)
    except PolicyError as error:
        return f"{error.message} ({error.hint})", ""
    return "", "; ".join(loaded.notes)


def main() -> dict[str, tuple[str, str]]:
    shrink()
    told = {}
    state, image = "observation.state", "observation.images.image"
    for name, (first, last) in NEEDED.items():
        told[f"{name}: as saved"] = said(name, dict)
        told[f"{name}: action.{first} is missing"] = said(name, without("action."))
        told[f"{name}: action.{last} is missing"] = said(name, without(f"action.{last}"), "*post*")
        told[f"{name}: {state}.{first} is missing"] = said(name, without(state), "*preproc*")
        told[f"{name}: {state}.{last} is missing"] = said(name, without(f"{state}.{last}"))
        told[f"{name}: action.{first} has shape (1,)"] = said(name, shaped("action.", 1))
        told[f"{name}: {state}.{first} has shape (1,)"] = said(name, shaped(state, 1))
    told["act: action.mean has shape (7, 1)"] = said("act", shaped("action.", 7, 1))
    told[f"act: {image}.mean is missing"] = said("act", without(f"{image}."))
    told[f"act: {image}.mean has shape (1, 1, 1)"] = said("act", shaped(f"{image}.", 1, 1, 1))
    told["act: action.mean is not finite"] = said("act", infinite)
    front = moved(f"{image}.", "observation.images.front.")
    told["act: renamed"] = said("act", front, renamed={"front": "image"})
    return told


CHECKPOINTS, FOLDER = (Path(argument) for argument in sys.argv[1:3])
if __name__ == "__main__":
    sys.stdout.write("told:" + json.dumps(main()))
