"""Run where orbax is installed: write checkpoints as openpi does, load them, print JSON.

Usage: python orbax_told.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import orbax.checkpoint as ocp
from orbax_shapes import SHAPES, grids_parameter

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.grids_checkpoint import load_grids

OTHERS = {"PaliGemma/llm/embedder/input_embedding": (7, 8), "action_in_proj/kernel": (3, 2)}


def tree(shapes: dict[str, tuple[int, ...]], *, value: bool, dtype: Any) -> dict[str, Any]:
    """Return nested arrays; nnx's states add a last key ``value``."""
    made: dict[str, Any] = {}
    for key, shape in shapes.items():
        *folders, leaf = [*key.split("/"), *(["value"] if value else [])]
        place = made
        for folder in folders:
            place = place.setdefault(folder, {})
        place[leaf] = grids_parameter(key, shape).astype(dtype)
    return made


def refused(path: Path) -> str:
    try:
        load_grids(path)
    except PolicyError as error:
        return str(error)
    return ""


def main(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value, dtype in (
        ("trained", True, np.float32),
        ("released", False, np.float32),
        ("half", True, ml_dtypes.bfloat16),
    ):
        place = folder / name / "params"
        with ocp.PyTreeCheckpointer() as writer:
            params = tree(SHAPES | OTHERS, value=value, dtype=dtype)
            writer.save(place.resolve(), {"params": params})
        sampler, same = load_grids(place), load_grids(folder / name)
        told[name] = {
            "convention": sampler.convention,
            "k": sampler.k,
            "state": {key: value.tolist() for key, value in sampler.state_dict().items()},
            "above": all(
                bool((value == same.state_dict()[key]).all())
                for key, value in sampler.state_dict().items()
            ),
        }
    with ocp.PyTreeCheckpointer() as writer:
        params = tree(OTHERS, value=True, dtype=np.float32)
        writer.save((folder / "dense" / "params").resolve(), {"params": params})
    broken = folder / "half" / "params" / "_METADATA"
    broken.write_text(broken.read_text()[:40])
    told["refused"] = [refused(folder / name) for name in ("dense", "half")]
    return told


if __name__ == "__main__":
    sys.stdout.write("told:" + json.dumps(main(Path(sys.argv[1]))))
