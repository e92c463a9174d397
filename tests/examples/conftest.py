"""Doubles of models' repositories, each put on the path for one test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
    return [str(HERE / "upstream" / folder) for folder in (*FOLDERS[family], "")]


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that puts a family's double on the path; the test's end removes it."""
    before = set(sys.modules)

    def put(family: str) -> None:
        for path in reversed(paths(family)):
            monkeypatch.syspath_prepend(path)
        importlib.invalidate_caches()

    yield put
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(HERE / "upstream")):
            del sys.modules[name]


def recipe(
    name: str, checkpoint: str | Path | None, trusted: bool = False, seed: int = 7, **given: str
) -> LoadedPolicy:
    """Load a recipe, ``file:Class``, as the command line does."""
    file, _, class_name = name.partition(":")
    where = None if checkpoint is None else str(checkpoint)
    return load_policy(f"{RECIPES / file}.py:{class_name}", where, given, seed, trusted)


def smooth_frame(number: int, px: int = 256) -> np.ndarray[Any, Any]:
    """Return a frame without noise, a different one for every number: uint8 (px, px, 3)."""
    y, x = np.mgrid[0:px, 0:px] / px
    waves = [np.sin(2 * np.pi * (x * (1 + c) + y * (2 - c) + 0.05 * number)) for c in range(3)]
    return (127.5 + 100 * np.stack(waves, axis=-1)).round().astype(np.uint8)


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
