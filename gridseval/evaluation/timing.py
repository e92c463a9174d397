"""``--delay``: whether simulated time goes on while the policy thinks, and how."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridseval.envs.arguments import one_of
from gridseval.errors import UsageError
from gridseval.evaluation.config import RunConfig
from gridseval.results.run.reading import read_run
from gridseval.rollout.delays import MOST_DELAY, DrawnDelays, MeasuredDelays, RecordedDelays
from gridseval.rollout.timing import EXECUTIONS, LATE, Delays, Timing
from gridseval.suites import Episode

_RANGE = re.compile(r"([0-9]{1,9})(?::([0-9]{1,9}))?")
_REPLAY = "replay:"
_FORMS = "N, N:M, measured or replay:RUN"
_LARGEST_SCALE = 1000.0


@dataclass(frozen=True)
class RunTiming:
    """A run's timing, and what ``run.yaml`` says of it.

    Attributes:
        timing: For the rollout.
        manifest: The key ``timing``, or nothing.
        notes: What the user should know.
    """

    timing: Timing
    manifest: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def timing_of(
    config: RunConfig, episodes: Sequence[Episode], seed: int, most: int, actions: str
) -> RunTiming:
    """Return what a run's arguments say about time.

    Args:
        config: Its ``delay``, ``execution``, ``when_late`` and ``latency_scale`` count.
        episodes: All of the run.
        seed: The policy's, of delays that are drawn.
        most: Policy steps per episode.
        actions: ``"delta"`` or ``"absolute"``, the policy's.

    Raises:
        UsageError: An argument has another form, contradicts another, or names a run that does not
            record the delays of these episodes.
    """
    others = {
        "--execution": config.execution,
        "--when-late": config.when_late,
        "--latency-scale": config.latency_scale,
    }
    if config.delay is None:
        for option, value in others.items():
            if value is not None:
                raise UsageError(f"{option} says what happens under --delay, which is not given")
        return RunTiming(Timing(most=most))
    if actions == "absolute":
        raise UsageError(
            "the policy acts by goal poses, and --delay is meant for motions",
            "leave --delay out",
        )
    measured = config.delay == "measured"
    if config.latency_scale is not None and not measured:
        raise UsageError("--latency-scale is a factor on --delay measured, which is not given")
    execution = one_of("execution", config.execution or EXECUTIONS[0], EXECUTIONS)
    late = one_of("--when-late", config.when_late or LATE[0], LATE)
    delays, described = _delays(config, episodes, seed)
    return RunTiming(
        Timing(delays, execution, late, most),
        {"timing": {**described, "execution": execution, "when_late": late}},
        (_UNREPEATABLE,) if measured else (),
    )


_UNREPEATABLE = (
    "--delay measured depends on this machine's speed: --delay replay:RUN repeats the run, whose "
    "records say each delay"
)


def _delays(
    config: RunConfig, episodes: Sequence[Episode], seed: int
) -> tuple[Delays, dict[str, Any]]:
    """Return where delays come from, and how ``run.yaml`` says so."""
    text = str(config.delay)
    if text == "measured":
        scale = 1.0 if config.latency_scale is None else config.latency_scale
        if not 0 <= scale <= _LARGEST_SCALE:  # false for nan, too
            raise UsageError(f"--latency-scale must be within 0 and {_LARGEST_SCALE:g}")
        return MeasuredDelays(scale), {
            "delay": "measured",
            "latency_scale": scale,
            "repeatable": False,
        }
    if text.startswith(_REPLAY):
        path = text.removeprefix(_REPLAY)
        recorded = _recorded(Path(path), episodes)
        rows = [[each.suite, each.task, each.trial, *recorded[each]] for each in sorted(recorded)]
        digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
        return RecordedDelays(recorded, path), {"delay": "replay", "delays_sha256": digest}
    match = _RANGE.fullmatch(text)
    if match is None:
        raise UsageError(f"--delay {text[:60]!r} is not a delay", f"write {_FORMS}")
    least, most = int(match[1]), int(match[2] or match[1])
    if most > MOST_DELAY or least > most:
        raise UsageError(
            f"--delay {text}: policy steps are within 0 and {MOST_DELAY}, the smaller number first"
        )
    return DrawnDelays(least, most, seed), {"delay": text}


def _recorded(path: Path, episodes: Sequence[Episode]) -> dict[Episode, Sequence[int]]:
    """Return the delays that another run recorded for these episodes."""
    found: dict[Episode, Sequence[int]] = {}
    for record in read_run(path).records:
        delays = record.extra.get("delays")
        if isinstance(delays, list) and all(_is_delay(each) for each in delays):
            found[Episode(*record.key)] = delays
    lacking = [episode for episode in episodes if episode not in found]
    if lacking:
        first = lacking[0]
        raise UsageError(
            f"{path} records no delays of {len(lacking)} of the {len(episodes)} episodes, such as "
            f"task {first.task} trial {first.trial} of {first.suite}",
            "name a run of the same episodes with --delay",
        )
    return {episode: found[episode] for episode in episodes}


def _is_delay(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_DELAY
