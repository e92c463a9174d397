"""What tests of recipes share: where doubles of repositories lie, loading, observing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scripted import smooth_frame

from gridseval.policies import LoadedPolicy, load_policy

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECIPES = ROOT / "examples" / "policies"

FOLDERS = {
    "nora": ("nora",),
    "worldvla": ("worldvla", "worldvla/worldvla"),
    "vla_adapter": ("vla_adapter",),
    "univla": ("univla",),
}
"""What a recipe says to put on PYTHONPATH, below ``upstream/``."""


def paths(family: str) -> list[str]:
    """Return the entries of PYTHONPATH with which a family's double is found."""
    return [*(str(HERE / "upstream" / folder) for folder in FOLDERS[family]), str(HERE)]


def recipe(
    name: str, checkpoint: str | Path | None, trusted: bool = False, seed: int = 7, **given: str
) -> LoadedPolicy:
    """Load a recipe, ``file:Class``, as the command line does."""
    file, _, class_name = name.partition(":")
    where = None if checkpoint is None else str(checkpoint)
    return load_policy(f"{RECIPES / file}.py:{class_name}", where, given, seed, trusted)


def observe(step: int, number: int = 0, task: str = "pick up the milk", px: int = 256) -> Any:
    """Return what one slot observes: a frame by its number, upside down for the wrist."""
    frame = smooth_frame(number, px)
    return {
        "slots": np.array([0]),
        "steps": np.array([step]),
        "instruction": (task,),
        "agentview": frame[None],
        "wrist": frame[None, ::-1],
        "state": np.linspace(-1, 1, 8, dtype=np.float32)[None] + np.float32(0.01 * number),
    }
