"""Starting an episode: the compiled task is found, perturbed, reset and settled."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from gridseval.envs.cameras import EpisodeCameras
from gridseval.envs.perturbations import Perturbation
from gridseval.envs.scene_cache import CompiledTask, SceneCache
from gridseval.envs.task_files import TaskFiles
from gridseval.suites import Episode, Seeding


@dataclass(frozen=True)
class Started:
    """A running episode.

    Attributes:
        stage: What runs it.
        eyes: What its cameras show.
        seconds: Wall time of ``compile`` (0 if the model was at hand) and ``reset``.
    """

    stage: CompiledTask
    eyes: EpisodeCameras
    seconds: Mapping[str, float]


def start_episode(
    scenes: SceneCache,
    files: TaskFiles,
    perturbation: Perturbation,
    episode: Episode,
    seed: int,
    settle_steps: int,
    seeding: Seeding = "task",
) -> Started:
    """Start an episode, settled.

    Args:
        scenes: Compiled tasks.
        files: The task's.
        perturbation: What is changed.
        episode: Its trial is started; noise depends on all of it.
        seed: LIBERO's.
        settle_steps: Control steps before the policy's first.
        seeding: Whether ``seed`` is given once per task, or raised by the trial per trial.

    Raises:
        MachineError: The task cannot be compiled.
    """
    began = time.perf_counter()
    stage = scenes.stage(files)
    stage.perturb(perturbation)
    compiled = time.perf_counter()
    changed = perturbation.joints, perturbation.joints_true, perturbation.extra
    stage.simulation.start(episode.trial, seed, settle_steps, *changed, seeding=seeding)
    key = (seed, episode.suite, episode.task, episode.trial)
    eyes = EpisodeCameras(scenes, stage, perturbation, key)
    seconds = {"compile": compiled - began, "reset": time.perf_counter() - compiled}
    return Started(stage, eyes, seconds)
