"""What the cameras of a running episode show, drawn when somebody looks."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.perturbations import NOTHING, Perturbation
from gridseval.envs.perturbations.images import perturbed_image
from gridseval.envs.scene_cache import CompiledTask, SceneCache
from gridseval.envs.spaces import CAMERAS

Image = NDArray[np.uint8]


class EpisodeCameras:
    """Images of one episode, each drawn at most once.

    Args:
        scenes: Has the renderers.
        stage: The compiled task that is running.
        perturbation: Its noise and other edits of images are applied.
        noise_key: Seed, suite, task and trial: what noise depends on beside the step.
    """

    def __init__(
        self,
        scenes: SceneCache,
        stage: CompiledTask,
        perturbation: Perturbation = NOTHING,
        noise_key: tuple[int, str, int, int] = (0, "", 0, 0),
    ) -> None:
        self._scenes, self._stage = scenes, stage
        self._perturbation, self._noise_key = perturbation, noise_key
        self._seen: dict[str, tuple[Any, Image]] = {}
        self.seconds = 0.0

    def image(self, key: str, control_step: int) -> Image:
        """Return what a camera shows now.

        Args:
            key: ``"agentview"`` or ``"wrist"``.
            control_step: Control steps since the stored state was set, settle steps included. The
                image of step 0 has no noise, as upstream's has none.

        Returns:
            uint8 (256, 256, 3).
        """
        view, image = self._seen.get(key, (None, None))
        if image is None or view is not self._stage.simulation.view:
            began = time.perf_counter()
            view = self._stage.simulation.view
            image = self._scenes.renderer(self._stage).render(view, CAMERAS[key])
            image = perturbed_image(image, self._perturbation, key, self._noise_key, control_step)
            self._seen[key] = view, image
            self.seconds += time.perf_counter() - began
        return image

    def last(self, key: str) -> Image:
        """Return the image of the last look at a camera."""
        return self._seen[key][1]
