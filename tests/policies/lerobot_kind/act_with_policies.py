"""Run beside LeRobot: load what it saved by gridseval, and print what comes out, as JSON.

Usage: python act_with_policies.py FOLDER
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from served import EPISODES, observe
from tiny_models import shrink
from upstream import by_gridseval, by_lerobot, difference, gridsevals, raw_observation

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, load_policy

OPENPI = {"image": "base_0_rgb", "image2": "left_wrist_0_rgb"}
COMPARED: dict[str, dict[str, str]] = {
    "act": {},
    "act_ensemble": {},
    "diffusion": {},
    "vqbet": {"image": "front"},
    "smolvla": {"image2": "wrist_image"},
    "smolvla_amp": {"image2": "wrist"},
    "smolvla_three": {"image": "camera1", "image2": "camera2"},
    "smolvla_lora": {"image2": "wrist_image"},
    "pi0": {},
    "pi0_relative": {},
    "pi05": OPENPI,
    "pi0_fast": OPENPI,
    "xvla": {},
}
"""Checkpoint to the ``--rename_map`` that lerobot-eval needs for it."""

WHOLE = ("act", "diffusion", "vqbet", "smolvla", "pi0", "pi05", "pi0_fast", "xvla")


def play(name: str, slots: list[int], steps: tuple[int, ...] = (0,), **arguments: str) -> Any:
    """Return the answers to these episodes (slot i plays episode i) and the loaded policy."""
    loaded = load_policy(None, str(FOLDER / name), arguments, 7, trusted="fast" in name)
    loaded.policy.reset(slots, [EPISODES[slot] for slot in slots])
    chunks: list[ActionChunk] = [loaded.policy.act(seen(slots, step)) for step in steps]
    return loaded, chunks


def seen(slots: list[int], step: int) -> dict[str, Any]:
    """Return observations with frames so small that a ResNet is quick."""
    batch = observe(slots, step)
    batch |= {camera: batch[camera][:, :96, :96] for camera in ("agentview", "wrist")}
    return batch | {"controller_state": batch["state"] / 2}


def refused(*arguments: Any, **keywords: Any) -> str:
    try:
        play(*arguments, **keywords)
    except PolicyError as error:
        return f"{error.message} ({error.hint})"
    return ""


def compared(name: str, renamed: dict[str, str]) -> dict[str, Any]:
    """Return how far gridseval's actions are from LeRobot's own, over more than two chunks."""
    px = 96 if name.startswith(("act", "diffusion", "vqbet")) else 256
    loaded = load_policy(None, str(FOLDER / name), {}, 7, trusted="fast" in name)
    exactly = name == "smolvla_amp"
    ours = by_gridseval(loaded, 9, px, exactly=exactly)
    turned = by_gridseval(loaded, 9, px, turned=True, exactly=exactly)
    with contextlib.redirect_stdout(sys.stderr):
        theirs = by_lerobot(FOLDER / name, 9, px, renamed)
        full = by_lerobot(FOLDER / name, 9, px, renamed, use_amp="false") if exactly else theirs
    return {
        "difference": difference(ours, theirs),
        "equal": float((np.array(ours) == np.array(theirs)).mean()),
        "equal_in_float32": float((np.array(ours) == np.array(full)).mean()),
        "sensitivity": difference(ours, turned),
        "shape": np.shape(theirs),
        "replan": loaded.replan,
        "actions": loaded.needs.actions,
        "protocol": loaded.needs.protocol,
        "notes": loaded.notes,
        "cameras": loaded.description["cameras"],
        "unfilled": loaded.description["unfilled"],
        "details": {k: loaded.description[k] for k in ("use_amp", "adapter_of", "renamed_from")},
    }


def broken(name: str) -> dict[str, str]:
    """Return what is said of a checkpoint of which one tensor was removed, renamed, reshaped."""
    file = "adapter_model.safetensors" if name == "smolvla_lora" else "model.safetensors"
    tensors = load_file(FOLDER / name / file)
    key = sorted(tensors)[len(tensors) // 2]
    value = tensors[key]
    rest = {other: tensor for other, tensor in tensors.items() if other != key}
    changes: dict[str, dict[str, torch.Tensor]] = {
        "removed": rest,
        "renamed": rest | {f"{key}_": value},
        "reshaped": rest | {key: torch.zeros((*value.shape, 2))},
        "added": tensors | {"model.another.weight": torch.zeros(3)},
    }
    said = {"key": key}
    for change, made in changes.items():
        folder = copied(name, f"{name}_{change}")
        save_file(made, folder / file)
        said[change] = refused(folder.name, [0])
    return said


def copied(name: str, new: str, change: Callable[[Path], Any] | None = None) -> Path:
    shutil.copytree(FOLDER / name, FOLDER / new, dirs_exist_ok=True)
    if change is not None:
        change(FOLDER / new)
    return FOLDER / new


def truncate(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def without_peft() -> str:
    had = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("peft")}
    sys.modules["peft"] = None  # type: ignore[assignment]
    try:
        return refused("smolvla_lora", [0])
    finally:
        sys.modules.update(had)


def grids_told() -> dict[str, Any]:
    sampler = str(FOLDER / "sampler.safetensors")
    # Bare names tell openpi's convention; this one was made for LeRobot's.
    _, (together,) = play("smolvla", [0, 1], grids=sampler, convention="lerobot")
    _, (own,) = play("smolvla_grids", [0, 1])
    _, (three,) = play("smolvla_three", [0, 1], grids=sampler)
    _, (dense,) = play("pi0", [0])
    # openpi's three images, of which LIBERO fills two.
    _, (openpi,) = play("pi05", [0, 1], grids=str(FOLDER / "sampler_pi.safetensors"))
    points = [
        [(camera.camera, camera.grid, camera.points.tolist()) for camera in trace.cameras]
        for trace in own.traces
    ]
    return {
        "file": together.actions.tolist(),
        "own": own.actions.tolist(),
        "traces": points,
        "with_empty": [[camera.camera for camera in t.cameras] for t in three.traces],
        "openpi": [[(c.camera, len(c.points)) for c in t.cameras] for t in openpi.traces],
        "dense": [(camera.camera, camera.grid) for camera in dense.traces[0].cameras],
    }


def resized_told() -> dict[str, Any]:
    """Return what becomes of frames that are larger than a policy's configuration says."""
    raw = gridsevals(raw_observation(0, 128), 0)
    told: dict[str, Any] = {}
    for px in ("", "64"):
        loaded = load_policy(None, str(FOLDER / "diffusion"), {"resize": px} if px else {}, 7)
        loaded.policy.reset([0], [EPISODES[0]])
        told[px or "none"] = loaded.policy.act(raw).actions.tolist()
        told[f"{px or 'none'}_notes"] = loaded.notes
    whole = load_policy(None, str(FOLDER / "diffusion_whole"), {"resize": "64"}, 7)
    whole.policy.reset([0], [EPISODES[0]])
    told["whole"] = np.shape(whole.policy.act(raw).actions)
    return told


def of_other_reasons() -> list[str]:
    """Return what is said where frames have another size, and that is not what fails."""
    told = []
    for place in ("before", "model"):
        loaded = load_policy(None, str(FOLDER / "diffusion"), {}, 7)
        loaded.policy.reset([0], [EPISODES[0]])
        checkpoint = loaded.policy._checkpoint
        if place == "before":
            for step in checkpoint.before.steps:
                getattr(step, "_tensor_stats", {}).get("observation.state", {}).pop("max", None)
        else:
            checkpoint.policy.select_action = lambda batch: [][int(batch is None)]
        try:
            loaded.policy.act(seen([0], 0))
        except Exception as error:
            told.append(f"{type(error).__name__}: {error}")
    return told


def main() -> dict[str, Any]:
    shrink()
    torch.set_num_threads(1)
    told: dict[str, Any] = {"compared": {}, "broken": {}, "version": version("lerobot")}
    for name, renamed in COMPARED.items():
        if (FOLDER / name).exists():
            told["compared"][name] = compared(name, renamed)
    for name in (*WHOLE, "smolvla_lora"):
        told["broken"][name] = broken(name)
    for name in ("act", "diffusion", "smolvla", "smolvla_grids", "pi0", "xvla"):
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
    _, history = play("diffusion", [0, 1], tuple(range(10)))
    told["history"] = [chunk.actions[:, 0].tolist() for chunk in history]
    _, alone = play("diffusion", [1], tuple(range(10)))
    told["history_alone"] = [chunk.actions[:, 0].tolist() for chunk in alone]
    _, (together,) = play("smolvla", [0, 1], batch="2")
    told["batched"] = together.actions.tolist()
    told["grids"], told["resized"] = grids_told(), resized_told()
    told["of_other_reasons"] = of_other_reasons()
    copied("act", "act_truncated", truncate)
    copied("pi0", "pi0_truncated", truncate)
    sampler = str(FOLDER / "sampler.safetensors")
    told["refused"] = {
        "lacking": refused("smolvla_lacking", [0]),
        "act": refused("act", [0], grids=sampler),
        "twice": refused("smolvla_grids", [0], grids=sampler),
        "camera": refused("act", [0], cameras="observation.images.imag=wrist"),
        "unfilled": refused("act", [0], cameras="image=agentview"),
        "replan": refused("act", [0], replan="9"),
        "every step": refused("diffusion", [0], replan="2"),
        "batch": refused("diffusion", [0], batch="2"),
        "truncated": refused("act_truncated", [0]),
        "pi0 truncated": refused("pi0_truncated", [0]),
        "size": refused("diffusion_whole", [0]),
        "mode": refused("xvla_auto", [0]),
        "twice normalised": refused("xvla_twice", [0]),
        "peft": without_peft(),
    }
    plain, _ = play("xvla_auto", [0], environment="libero")
    told["xvla_plain"] = [plain.observation_keys, plain.needs.actions]
    try:
        load_policy("lerobot", "nobody/nothing", {}, 7)
    except PolicyError as error:
        told["refused"]["offline"] = f"{error.message} ({error.hint})"
    return told


FOLDER = Path(sys.argv[1])
if __name__ == "__main__":
    sys.stdout.write("told:" + json.dumps(main()))
