"""Keep the last few compiled tasks, with what runs and draws them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from gridseval.envs.perturbations import Perturbation
from gridseval.envs.rendering.backend import GLContext, announce_backend, choose_backend
from gridseval.envs.rendering.renderer import SceneRenderer
from gridseval.envs.scene import Scene
from gridseval.envs.simulation import Simulation
from gridseval.envs.task_files import TaskFiles


@dataclass
class CompiledTask:
    """One compiled task, ready to run.

    Attributes:
        simulation: Runs its episodes.
        renderer: Draws it; made when the first image is asked for.
    """

    simulation: Simulation
    renderer: SceneRenderer | None = None

    def perturb(self, perturbation: Perturbation) -> None:
        """Show another perturbation, in place of the one before."""
        textures = self.simulation.scene.perturb(perturbation)
        if self.renderer is not None:
            self.renderer.upload(textures)

    def close(self) -> None:
        """Free the OpenGL objects and the model."""
        if self.renderer is not None:
            self.renderer.close()
        self.simulation.scene.close()


class SceneCache:
    """Compiled tasks, of which the least recently used is dropped first.

    Args:
        capacity: How many compiled tasks to keep; each takes about 100 MB.
        image_px: Width and height of images.
        backend: The OpenGL back end, or ``None`` to find one when the first image is asked for.
    """

    def __init__(self, capacity: int, image_px: int, backend: str | None = None) -> None:
        self._capacity, self._image_px, self._backend = capacity, image_px, backend
        self._stages: OrderedDict[TaskFiles, CompiledTask] = OrderedDict()
        self._context: GLContext | None = None
        if backend is not None:
            announce_backend(backend)

    def stage(self, files: TaskFiles) -> CompiledTask:
        """Return the task's stage, compiling it if it is not at hand.

        Raises:
            MachineError: The task cannot be compiled.
        """
        if files not in self._stages:
            while len(self._stages) >= self._capacity:
                self._stages.popitem(last=False)[1].close()
            self._stages[files] = CompiledTask(Simulation(Scene(files)))
        self._stages.move_to_end(files)
        return self._stages[files]

    def renderer(self, stage: CompiledTask) -> SceneRenderer:
        """Return the stage's renderer, making it and the OpenGL context if need be.

        Raises:
            MachineError: No OpenGL back end works here.
        """
        if self._context is None:
            self._context = GLContext(self._backend or choose_backend().backend)
        if stage.renderer is None:
            scene = stage.simulation.scene
            stage.renderer = SceneRenderer(scene, self._context, self._image_px)
        return stage.renderer

    def close(self) -> None:
        """Free everything."""
        while self._stages:
            self._stages.popitem()[1].close()
        if self._context is not None:
            self._context.close()
            self._context = None
