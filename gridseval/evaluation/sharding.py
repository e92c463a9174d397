"""``--shard I/N``: a part of a run that another process or machine can run beside the others."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.prepared_run import PreparedRun
from gridseval.run_names import SHARDS
from gridseval.suites import Episode

SLURM = "slurm"
_FORM = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_VARIABLES = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT")


@dataclass(frozen=True)
class Shard:
    """A part of a run.

    Attributes:
        index: Its number, from 0 on.
        count: How many parts there are.
    """

    index: int
    count: int

    def folder(self, out: Path) -> Path:
        """Return the shard's run directory.

        Args:
            out: That of the whole run.
        """
        return out / SHARDS / str(self.index)


def shard_of(config: RunConfig, variables: Mapping[str, str] = os.environ) -> Shard | None:
    """Return the shard that a run's arguments ask for; ``None`` for the whole run.

    Args:
        config: Its ``shard`` is ``"I/N"``, or ``"slurm"`` in a task of a Slurm job array.
        variables: Of the environment.

    Raises:
        UsageError: It has another form, there is no such shard, or another option asks for what
            only the whole run has.
    """
    if config.shard is None:
        return None
    if config.stop_when_decided:
        raise UsageError(
            "--stop-when-decided looks at all episodes, and --shard runs a part of them",
            "give one of them",
        )
    slurm = config.shard == SLURM
    text = _of_array(variables) if slurm else config.shard
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--shard {text[:60]!r} is not of the form I/N", "such as 0/8; slurm in a job array"
        )
    shard = Shard(int(match[1]), int(match[2]))
    if shard.index >= shard.count:
        last = (
            f"they are numbered from 0 to {shard.count - 1}" if shard.count else "N is at least 1"
        )
        raise UsageError(
            f"there is no shard {shard.index} of {shard.count}: {last}",
            "number the array from 0, as in --array=0-7; a single job again is --shard 3/8"
            if slurm
            else None,
        )
    return shard


def in_shard(runs: tuple[PreparedRun, ...], shard: Shard) -> tuple[PreparedRun, ...]:
    """Return a run's suites with the episodes of one shard.

    Compiled models are numbered through all suites in the order of their first episodes. Shard I
    of N has the episodes of those whose number leaves the rest I when divided by N.
    """
    numbers: dict[Hashable, int] = {}
    for run in runs:
        for episode in run.episodes:
            numbers.setdefault(_model(run, episode), len(numbers))
    return tuple(
        replace(
            run,
            episodes=tuple(
                episode
                for episode in run.episodes
                if numbers[_model(run, episode)] % shard.count == shard.index
            ),
        )
        for run in runs
    )


def _model(run: PreparedRun, episode: Episode) -> Hashable:
    return episode.suite, run.chosen.scene(episode)


def _of_array(variables: Mapping[str, str]) -> str:
    index, count = (variables.get(name) for name in _VARIABLES)
    if index is None or count is None:
        raise UsageError(
            f"--shard slurm needs {' and '.join(_VARIABLES)}, which the tasks of a job array have",
            "sbatch --array=0-7, or --shard I/N",
        )
    return f"{index}/{count}"
