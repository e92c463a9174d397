"""Which tasks a run is about, what its episodes perturb, and which tasks it has to leave out."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gridseval.envs.arguments import one_of
from gridseval.envs.own_states import check_own_states
from gridseval.envs.perturbations.kinds import PERTURBATIONS
from gridseval.envs.perturbations.plan import PerturbationPlan, parse_plan
from gridseval.envs.plus import find_plus
from gridseval.envs.suite_code import check_trusted
from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig
from gridseval.moved import renaming_note
from gridseval.policies.identity import file_sha256
from gridseval.suites import (
    PROMPTS,
    Episode,
    Missing,
    PlusFolder,
    Selection,
    Suite,
    Task,
    check_problems,
    count_strata,
    instruct,
    load_suite,
    none_available,
    reasons,
    split_available,
    suite_digest,
)
from gridseval.suites.recorded import suite_files

_OWN_SCENES = ("background", "layout")
"""Dimensions whose tasks do not share compiled models."""


class EpisodeText(NamedTuple):
    """What an episode's record says of it.

    Attributes:
        instruction: That the policy gets.
        extra: Its perturbations, for the record's ``extra``; empty without any.
    """

    instruction: str
    extra: dict[str, Any]


@dataclass(frozen=True)
class TaskSelection:
    """The tasks of a run.

    Attributes:
        suite: The suite, with the instructions that policies get.
        tasks: Those that can be run, in the suite's order.
        lacking: Selected tasks that lack files.
        selection: What was asked for.
        plan: What every episode is perturbed with, beside what its task perturbs.
        folder: LIBERO-Plus's files.
        prompts: Which instructions.
        perturbed_start: Whether the robot dimension's arm really starts at its joint angles.
        notes: What the user should know about the selection.
        suite_sha256: The hash of a custom suite's files, ``None`` for a suite that ships.
    """

    suite: Suite
    tasks: tuple[Task, ...]
    lacking: tuple[Missing, ...]
    selection: Selection
    plan: PerturbationPlan
    folder: PlusFolder
    prompts: str
    perturbed_start: bool
    notes: tuple[str, ...] = ()
    suite_sha256: str | None = None

    @property
    def is_plus(self) -> bool:
        """Whether the suite is one of LIBERO-Plus."""
        return self.tasks[0].variant is not None

    @property
    def bases(self) -> int:
        """How many different base tasks there are."""
        return len({task.variant.base if task.variant else task.name for task in self.tasks})

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know before the run starts: which tasks are left out, and why."""
        if not self.lacking:
            return self.notes
        asked = len(self.tasks) + len(self.lacking)
        first = f"{len(self.lacking)} of {asked} tasks are unavailable and are left out"
        because = (f"{key}: {reason}" for key, reason in reasons(self.lacking).items())
        return (*self.notes, first, *because)

    def scene(self, episode: Episode) -> Hashable:
        """Return the key of a compiled model, equal for episodes that share it."""
        variant = self.suite.tasks[episode.task].variant
        own = self.suite.tasks[episode.task].files
        if own is not None:
            return own  # tasks that differ in their instruction only have the same files
        if variant is None or variant.dimension in _OWN_SCENES:
            return episode.task
        return variant.base

    def told(self, episode: Episode, seed: int) -> EpisodeText:
        """Return what an episode's record says of it.

        Args:
            episode: Which one.
            seed: LIBERO's, by which perturbations are drawn.
        """
        drawn = self.plan.draw(seed, episode.suite, episode.task, episode.trial)
        task = self.suite.tasks[episode.task]
        variant = task.variant
        extra: dict[str, Any] = {"dimension": task.dimension} if task.dimension else {}
        if extra:
            extra["level"] = None
        if variant is not None:
            # Another benchmark than the leaderboard's robot dimension, so under another name.
            real = self.perturbed_start and variant.dimension == "robot"
            extra["dimension"] = "perturbed_start" if real else variant.dimension
            extra["level"] = variant.level
        if drawn.record:
            extra["perturb"] = drawn.record
        return EpisodeText(drawn.perturbation.spoken(task.instruction), extra)

    def manifest(self) -> dict[str, Any]:
        """Return what ``run.yaml`` says about it, of plain values."""
        keys: dict[str, Any] = suite_files(self.suite, self.suite_sha256)
        if self.selection.narrows:
            keys["selection"] = self.selection.narrows
        if self.plan.texts:
            keys["perturb"] = list(self.plan.texts)
        if kinds := _foreign_kinds(self.plan):
            keys["perturb_kinds"] = kinds
        if self.is_plus:
            keys["prompts"] = self.prompts
            keys["perturbed_start"] = self.perturbed_start
            keys["libero_plus"] = str(self.folder.root) if self.folder.root else None
        if self.lacking:
            keys["unavailable"] = count_strata(lack.task for lack in self.lacking)
            keys["unavailable_because"] = dict(reasons(self.lacking))
        return keys


def choose(config: RunConfig) -> TaskSelection:
    """Return the tasks that a run's arguments name.

    Raises:
        UsageError: An argument names something that does not exist.
        MachineError: No task of them can be run with the files at hand, or a file is refused.
    """
    folder = find_plus(config.libero_plus)
    prompts = one_of("sort of prompts", config.prompts, PROMPTS)
    suite = instruct(load_suite(config.suite), folder, prompts)
    digest = suite_digest(suite)  # before its files are checked: what is checked is what is hashed
    selection = Selection(config.tasks, config.dimension, config.level, config.sample)
    plan = parse_plan(config.perturb)
    tasks, lacking = split_available(selection.of(suite), folder)
    if not tasks:
        raise none_available(suite, lacking)
    check_problems(tasks, folder)
    check_own_states(suite, tasks, folder)
    for task in tasks:
        check_trusted(task.files.code if task.files else None, config.trust_remote_code)
    if tasks[0].variant is None:
        _refuse_plus_options(config, suite)
    notes = tuple(note for text in config.perturb if (note := renaming_note(text)))
    real = config.perturbed_start
    return TaskSelection(
        *(suite, tasks, lacking, selection, plan, folder, prompts, real, notes, digest)
    )


def _foreign_kinds(plan: PerturbationPlan) -> dict[str, dict[str, str | None]]:
    """Return what identifies the kinds that are not gridseval's own: edited, they are others."""
    found = {}
    for name in sorted(item.kind for item in plan.items):
        if (origin := PERTURBATIONS.origin(name)) == "gridseval":
            continue
        where, _, variable = PERTURBATIONS.target(name).rpartition(":")
        path = where if where.endswith(".py") else getattr(sys.modules[where], "__file__", None)
        file = None if path is None else Path(path)
        found[name] = {
            "origin": origin,
            "object": f"{Path(where).name if where.endswith('.py') else where}:{variable}",
            "source_sha256": None if file is None else file_sha256(file),
        }
    return found


def _refuse_plus_options(config: RunConfig, suite: Suite) -> None:
    given = {
        "--prompts upstream": config.prompts != "base",
        "--perturbed-start": config.perturbed_start,
    }
    for option, is_given in given.items():
        if is_given:
            raise UsageError(f"{option} is for the suites of LIBERO-Plus, not for {suite.name}")
