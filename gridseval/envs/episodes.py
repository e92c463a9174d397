"""From a task, a trial and a seed to what an environment has to set up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gridseval.envs.arguments import one_of
from gridseval.envs.arrangement import with_distractors
from gridseval.envs.own_states import check_liberos_tasks
from gridseval.envs.perturbations import Perturbation
from gridseval.envs.perturbations.plan import parse_plan
from gridseval.envs.plus import check_available, composed, find_plus, task_perturbation
from gridseval.envs.task_files import TaskFiles
from gridseval.suites import PROMPTS, Suite, Task, instruct, load_suite, missing


class Setting(NamedTuple):
    """What an environment has to set up for an episode.

    Attributes:
        files: What the compiled model is made of.
        perturbation: What is changed in it, at the arm and in images.
    """

    files: TaskFiles
    perturbation: Perturbation


class Episodes:
    """All episodes of a suite, perturbed or not.

    Args:
        suite: Name of the suite.
        assets: Root of LIBERO's assets.
        libero_plus: Folder of LIBERO-Plus's data, or ``None`` to look for it.
        prompts: ``"base"`` or ``"upstream"``: the instructions in LIBERO-Plus.
        perturbed_start: Whether the robot dimension's arm really starts at its joint angles.
        perturb: Perturbations of every episode, as texts such as ``"camera:3"``.
        trusted: Whether code of the suite may run.

    Raises:
        UsageError: An argument names something that does not exist.
    """

    def __init__(
        self,
        suite: str | Path,
        assets: Path,
        libero_plus: str | Path | None = None,
        prompts: str = "base",
        perturbed_start: bool = False,
        perturb: Sequence[str] = (),
        trusted: bool = False,
    ) -> None:
        one_of("sort of prompts", prompts, PROMPTS)
        self._assets, self._perturbed_start, self._trusted = assets, perturbed_start, trusted
        self._plan = parse_plan([perturb] if isinstance(perturb, str) else perturb)
        self._folder = find_plus(libero_plus)
        self.suite: Suite = instruct(load_suite(suite), self._folder, prompts)
        check_liberos_tasks(self.suite)

    @property
    def available(self) -> tuple[Task, ...]:
        """The tasks that can be run with the files at hand."""
        return tuple(task for task in self.suite.tasks if missing(task, self._folder) is None)

    @property
    def first(self) -> Task:
        """The first task that can be run."""
        return next(task for task in self.suite.tasks if missing(task, self._folder) is None)

    def setting(self, task: Task, trial: int, seed: int) -> Setting:
        """Return an episode's setting, which depends on the arguments only.

        Raises:
            UsageError: The task's files are missing; says which, and where to get them.
            MachineError: A file is broken.
        """
        check_available(task, self._folder)
        files = TaskFiles.of_task(task, self._assets, self._folder, self._trusted)
        own = task_perturbation(task, self._folder, self._perturbed_start)
        drawn = self._plan.draw(seed, self.suite.name, task.index, trial).perturbation
        made = composed(own, drawn)
        files = with_distractors(files, made.objects, seed, self.suite.name, task.index)
        return Setting(files, made)
