"""Single pictures of perturbed tasks, all tasks of one compiled model together."""

from __future__ import annotations

from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.perturbations import Perturbation
from gridseval.envs.rendering.backend import choose_backend
from gridseval.envs.scene_cache import SceneCache
from gridseval.envs.spaces import IMAGE_PX
from gridseval.envs.task_files import TaskFiles
from gridseval.suites import Episode

_MODELS = 2


class Studio:
    """Takes pictures with the agent camera after the settle steps; a context manager.

    Args:
        backend: OpenGL back end, or ``None`` for the first that works.

    Raises:
        MachineError: No OpenGL back end works here.
    """

    def __init__(self, backend: str | None = None) -> None:
        self._scenes = SceneCache(_MODELS, IMAGE_PX, backend or choose_backend().backend)

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._scenes.close()

    def picture(
        self,
        files: TaskFiles,
        perturbation: Perturbation,
        episode: Episode,
        seed: int,
        settle_steps: int,
    ) -> NDArray[np.uint8]:
        """Return what a policy would see first.

        Args:
            files: The task's.
            perturbation: What is changed.
            episode: Its trial is started; noise depends on all of it.
            seed: LIBERO's.
            settle_steps: Control steps before the picture.

        Returns:
            uint8 (256, 256, 3).

        Raises:
            MachineError: The task cannot be compiled or drawn.
        """
        started = self._scenes.start(files, perturbation, episode, seed, settle_steps)
        return started.cameras.image("agentview", settle_steps)
