"""The way to a running episode: its task is found or compiled, perturbed, reset, settled, drawn.

:meth:`SceneCache.start` is the whole reset. Below it are two modules only: ``scene`` compiles and
perturbs a model, ``simulation`` resets and steps it.
"""

from __future__ import annotations

import gc
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridseval.envs.compiler_memory import release_description
from gridseval.envs.perturbations import NOTHING, Perturbation
from gridseval.envs.perturbations.images import perturbed_image
from gridseval.envs.perturbations.own_edits import touches_model
from gridseval.envs.rendering.backend import GLContext, announce_backend, choose_backend
from gridseval.envs.rendering.forks import check_not_forked
from gridseval.envs.rendering.renderer import SceneRenderer
from gridseval.envs.scene import Scene
from gridseval.envs.simulation import Simulation
from gridseval.envs.spaces import CAMERAS
from gridseval.envs.task_files import TaskFiles
from gridseval.suites import Episode, Seeding, Starts

Image = NDArray[np.uint8]


@dataclass
class CompiledTask:
    """One compiled task, ready to run.

    Attributes:
        simulation: Runs its episodes.
        renderer: Draws it; made when the first image is asked for.
        own_edits: Whether code of a kind of perturbation was given the model in this episode.
    """

    simulation: Simulation
    renderer: SceneRenderer | None = None
    own_edits: bool = False

    def perturb(self, perturbation: Perturbation) -> None:
        """Show another perturbation, in place of the one before.

        Raises:
            UsageError: A kind's own edit raised.
        """
        own = touches_model(perturbation.extra)
        if own or self.own_edits:
            self._drop_renderer()  # it keeps numbers of the model that such edits may change
        self.own_edits = own
        textures = self.simulation.scene.perturb(perturbation)
        if self.renderer is not None:
            self.renderer.upload(textures)

    def close(self) -> None:
        """Free the OpenGL objects and the model."""
        self._drop_renderer()
        self.simulation.scene.close()

    def _drop_renderer(self) -> None:
        if self.renderer is not None:
            self.renderer.close()
            self.renderer = None


@dataclass(frozen=True)
class RunningEpisode:
    """An episode that has started and settled.

    Attributes:
        task: Its compiled task, which runs it.
        cameras: What its cameras show.
        seconds: Wall time of ``compile`` (0 if the model was at hand) and ``reset``.
    """

    task: CompiledTask
    cameras: EpisodeCameras
    seconds: Mapping[str, float]


class SceneCache:
    """Compiled tasks; drops the least recently used first.

    Args:
        capacity: How many compiled tasks to keep; each takes about 100 MB.
        image_px: Width and height of images.
        backend: The OpenGL back end, or ``None`` to find one when the first image is asked for.
    """

    def __init__(self, capacity: int, image_px: int, backend: str | None = None) -> None:
        self._capacity, self._image_px, self._backend = capacity, image_px, backend
        self._tasks: OrderedDict[TaskFiles, CompiledTask] = OrderedDict()
        self._context: GLContext | None = None
        if backend is not None:
            announce_backend(backend)

    def __contains__(self, files: TaskFiles) -> bool:
        return files in self._tasks

    def start(
        self,
        files: TaskFiles,
        perturbation: Perturbation,
        episode: Episode,
        seed: int,
        settle_steps: int,
        seeding: Seeding = "task",
        starts: Starts = "stored",
    ) -> RunningEpisode:
        """Start an episode and let it settle.

        Args:
            files: The task's.
            perturbation: What is changed.
            episode: Its trial is started; noise depends on all of it.
            seed: LIBERO's.
            settle_steps: Control steps before the policy's first.
            seeding: Whether ``seed`` is given once per task, or raised by the trial per trial.
            starts: Whether the trial's stored state is set, or its reset is where it starts.

        Raises:
            MachineError: The task cannot be compiled.
        """
        began = time.perf_counter()
        task = self._compiled(files)
        task.perturb(perturbation)
        compiled = time.perf_counter()
        changed = perturbation.joints, perturbation.joints_true, perturbation.extra
        task.simulation.start(
            *(episode.trial, seed, settle_steps, *changed),
            seeding=seeding,
            starts=starts,
            objects=perturbation.objects,
        )
        key = (seed, episode.suite, episode.task, episode.trial)
        cameras = EpisodeCameras(self, task, perturbation, key)
        seconds = {"compile": compiled - began, "reset": time.perf_counter() - compiled}
        return RunningEpisode(task, cameras, seconds)

    def renderer(self, task: CompiledTask) -> SceneRenderer:
        """Return a task's renderer, making it and the OpenGL context if need be.

        Raises:
            MachineError: No OpenGL back end works here, or this process was forked after OpenGL
                was used.
        """
        check_not_forked()
        if self._context is None:
            self._context = GLContext(self._backend or choose_backend().backend)
        if task.renderer is None:
            scene, cull = task.simulation.scene, not task.own_edits
            task.renderer = SceneRenderer(scene, self._context, self._image_px, cull)
        return task.renderer

    def close(self) -> None:
        """Free everything."""
        while self._tasks:
            self._tasks.popitem()[1].close()
        if self._context is not None:
            self._context.close()
            self._context = None

    def _compiled(self, files: TaskFiles) -> CompiledTask:
        """Return the compiled task, compiling it if it is not at hand."""
        if files not in self._tasks:
            while len(self._tasks) >= self._capacity:
                self._tasks.popitem(last=False)[1].close()
                # robosuite's environments are reference cycles of 90 MB each, which Python would
                # collect late: it counts objects, and these are few and large.
                gc.collect()
            self._tasks[files] = CompiledTask(Simulation(Scene(files)))
            release_description()
        self._tasks.move_to_end(files)
        return self._tasks[files]


class EpisodeCameras:
    """Images of one episode, each drawn when it is first asked for, and only once.

    Args:
        scenes: Has the renderers.
        task: The compiled task that is running.
        perturbation: Its noise and other edits of images are applied.
        noise_key: Seed, suite, task and trial: what noise depends on beside the step.
    """

    def __init__(
        self,
        scenes: SceneCache,
        task: CompiledTask,
        perturbation: Perturbation = NOTHING,
        noise_key: tuple[int, str, int, int] = (0, "", 0, 0),
    ) -> None:
        self._scenes, self._task = scenes, task
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
        if image is None or view is not self._task.simulation.view:
            began = time.perf_counter()
            view = self._task.simulation.view
            image = self._scenes.renderer(self._task).render(view, CAMERAS[key])
            image = perturbed_image(image, self._perturbation, key, self._noise_key, control_step)
            self._seen[key] = view, image
            self.seconds += time.perf_counter() - began
        return image

    def last(self, key: str) -> Image:
        """Return the image of the last look at a camera."""
        return self._seen[key][1]
