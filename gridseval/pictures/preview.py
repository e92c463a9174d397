"""How tasks look on an asset root, as the agentview camera sees them at the start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gridseval.envs.libero_env import LiberoEnv
from gridseval.suites import Task


def initial_views(
    root: Path, suite: str, tasks: tuple[Task, ...], px: int = 256
) -> Iterator[tuple[Task, NDArray[np.uint8]]]:
    """Yield each task's first stored initial state, as policies see it.

    Args:
        root: The models.
        suite: The suite's name.
        tasks: Of that suite.
        px: Width and height of the images.

    Yields:
        The task and a uint8 (px, px, 3) image, RGB.

    Raises:
        MachineError: The models do not fit a task, or no OpenGL back end works.
    """
    made = LiberoEnv(suite, assets=root, observations=("agentview",), settle_steps=0, max_scenes=1)
    with closing(made) as env:
        for task in tasks:
            observation, _ = env.reset(options={"task": task.index, "trial": 0})
            yield task, _resized(observation["agentview"], px)


def _resized(image: NDArray[np.uint8], px: int) -> NDArray[np.uint8]:
    if image.shape[0] == px:
        return image
    resized = Image.fromarray(image).resize((px, px), Image.Resampling.LANCZOS)
    return np.asarray(resized, np.uint8)
