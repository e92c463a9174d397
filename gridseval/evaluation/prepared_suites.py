"""A run of one suite or several: each suite is prepared as if it were alone, the policy once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from typing import Any

from gridseval.errors import UsageError
from gridseval.evaluation.cluster import on_cluster
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.episode_choice import with_listed_tasks
from gridseval.evaluation.manifest import manifest_of
from gridseval.evaluation.prepared_run import PreparedRun, prepare
from gridseval.evaluation.sharding import Shard, in_shard
from gridseval.evaluation.sharing import Sharing
from gridseval.evaluation.task_selection import choose
from gridseval.results.run.keys import OF_SUITE, RESUME
from gridseval.results.run.manifest import manifest_differences
from gridseval.results.run.record import EpisodeKey
from gridseval.results.run.several_suites import join_suites
from gridseval.rollout.dispatch import ReplicaDispatcher
from gridseval.suites import Episode, suite_names


@dataclass(frozen=True)
class PreparedSuites:
    """A run that can start.

    Attributes:
        runs: One per suite, in order; all have the same policy.
        warnings: What the user should know before it starts.
        planned: Episodes of each suite in all shards of the run.
        shard: The part of the run that this is, or ``None`` for the whole.
    """

    runs: tuple[PreparedRun, ...]
    warnings: tuple[str, ...]
    planned: tuple[int, ...] = ()
    shard: Shard | None = None

    @property
    def first(self) -> PreparedRun:
        """The first suite's, for what all have in common."""
        return self.runs[0]

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """All episodes, suite by suite."""
        return tuple(episode for run in self.runs for episode in run.episodes)

    @property
    def title(self) -> str:
        """What progress is of: the suite's name, or how many suites there are."""
        several = len(self.runs) > 1
        return f"{len(self.runs)} suites" if several else self.first.suite.name

    @property
    def dispatcher(self) -> ReplicaDispatcher | None:
        """Asks the policy's replicas; ``None`` for a policy in this process."""
        return self.first.dispatcher

    def remaining(self, done: Collection[EpisodeKey]) -> tuple[tuple[Episode, ...], ...]:
        """Return the episodes of each suite that have no record yet."""
        return tuple(
            tuple(e for e in run.episodes if (e.suite, e.task, e.trial) not in done)
            for run in self.runs
        )

    def manifest(self) -> dict[str, Any]:
        """Return what ``run.yaml`` says, of plain values.

        Raises:
            UsageError: Suites differ in a value that a run has once.
        """
        parts = [manifest_of(run) for run in self.runs]
        if self.shard is not None:
            shard = {"shard": asdict(self.shard)}
            parts = [
                {**part, "planned": planned, **shard}
                for part, planned in zip(parts, self.planned, strict=True)
            ]
        for part in parts[1:]:
            lines = list(manifest_differences(parts[0], part, (*OF_SUITE, *RESUME)))
            if lines:
                raise UsageError(
                    f"{parts[0]['suite']} and {part['suite']} cannot be in one run: {lines[0]}",
                    "run them one by one; gridseval table puts the directories together",
                )
        return join_suites(parts)


def prepare_suites(
    config: RunConfig,
    sharing: Sharing,
    shard: Shard | None = None,
    extend: Callable[[PreparedRun], PreparedRun] = lambda prepared: prepared,
) -> PreparedSuites:
    """Check a run's arguments and load what they name.

    Args:
        config: The arguments.
        sharing: Keeps the policy from suite to suite.
        shard: The part of the run to prepare, or ``None`` for the whole.
        extend: What a command changes in a prepared run.

    Raises:
        GridsevalError: As for :func:`~gridseval.evaluation.prepared_run.prepare`, or an option
            cannot be had with several suites.
    """
    names = suite_names(config.suite)
    if len(names) > 1 and config.stop_when_decided:
        raise UsageError(
            "--stop-when-decided is for one suite: its test sees no suite before the others",
            "run the suites one by one",
        )
    configs = [replace(config, suite=name) for name in names]
    for each in configs[1:]:
        choose(with_listed_tasks(each)[0])  # before the checkpoint takes minutes
    runs = tuple(on_cluster(extend(prepare(each, sharing)), sharing) for each in configs)
    planned = tuple(len(run.episodes) for run in runs)
    said = [warning for run in runs for warning in run.warnings]
    if shard is not None:
        runs = in_shard(runs, shard)
        if not any(run.episodes for run in runs):
            said.append(
                f"shard {shard.index} of {shard.count} has no episode: the run has fewer compiled "
                "models than shards"
            )
    return PreparedSuites(runs, tuple(dict.fromkeys(said)), planned, shard)
