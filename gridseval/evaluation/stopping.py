"""Ending a run as soon as it is decided whether the checkpoint is good enough."""

from __future__ import annotations

from collections.abc import Sequence

from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig
from gridseval.results import EpisodeRecord, RunDirectory
from gridseval.results.stats.sequential import RunMonitor, SequentialRule
from gridseval.suites import Episode


def stopping_rule(config: RunConfig) -> SequentialRule | None:
    """Return what the sequential test is to decide; ``None`` if the run is not to end early.

    Raises:
        UsageError: A rate or a probability is out of its range, or one is missing.
    """
    if not config.stop_when_decided:
        if config.min_success is not None:
            raise UsageError(
                "--min-success is for --stop-when-decided",
                "or give it to gridseval gate, when the run is done",
            )
        return None
    good, alpha = config.min_success, config.alpha
    if good is None:
        raise UsageError("--stop-when-decided needs --min-success, such as 0.95")
    if not 0 < good < 1:
        raise UsageError(f"--min-success must be above 0 and below 1, not {good:g}")
    if not 0 < config.max_drop < good:
        raise UsageError(
            f"--max-drop must be above 0 and below --min-success ({good:g}), "
            f"not {config.max_drop:g}"
        )
    if not 0 < alpha < 0.5:
        raise UsageError(f"--alpha must be above 0 and below 0.5, not {alpha:g}")
    return SequentialRule(good, round(good - config.max_drop, 9), alpha, alpha)


class EarlyStop:
    """Watches a run's records and says when to stop.

    Args:
        monitor: The sequential test; ``None`` never stops.
        run: The run; its earlier records are taken in.
        planned: How many episodes it would have.
    """

    def __init__(self, monitor: RunMonitor | None, run: RunDirectory, planned: int) -> None:
        self._monitor, self._run, self._planned = monitor, run, planned
        if monitor is not None:
            monitor.take(run.records())

    @classmethod
    def of(
        cls, rule: SequentialRule | None, episodes: Sequence[Episode], run: RunDirectory
    ) -> EarlyStop:
        """Make one for a run whose episodes come trial by trial."""
        if rule is None:
            return cls(None, run, len(episodes))
        keys = [(episode.suite, episode.task, episode.trial) for episode in episodes]
        tasks = len({episode.task for episode in episodes})
        return cls(RunMonitor(rule, keys, tasks), run, len(episodes))

    @property
    def decided(self) -> bool:
        """Whether more episodes would change nothing."""
        return self._monitor is not None and self._monitor.test.decision is not None

    def take(self, record: EpisodeRecord) -> bool:
        """Take in an episode that has ended; return whether to stop."""
        return self._monitor is not None and self._monitor.take([record]) is not None

    def note(self) -> None:
        """Write the decision into ``run.yaml``, where tables and the gate find it."""
        if self._monitor is None or self._monitor.test.decision is None:
            return
        test, done = self._monitor.test, len(self._run.records())
        early = done < self._planned
        stopped = {
            "decision": test.decision,
            "episodes": test.episodes,
            "planned": self._planned,
            "early": early,
        }
        self._run.annotate(stopped=stopped)
        if early:
            self._run.add_note(_sentence(self._monitor, self._planned))


def _sentence(monitor: RunMonitor, planned: int) -> str:
    test, rule = monitor.test, monitor.test.rule
    if test.decision == "good":
        found = f"above {100 * rule.p_bad:g} %"
    else:
        found = f"below {100 * rule.p_good:g} %"
    return (
        f"stopped early: {test.episodes} of {planned} episodes decided that the success rate is "
        f"{found} (sequential test, error at most {100 * rule.alpha:g} %); the rates above lean "
        "away from that threshold"
    )
