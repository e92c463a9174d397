"""Run what was asked for: episodes in, records, videos and tables out."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gridseval.errors import OutputError
from gridseval.evaluation.arrays import save_array
from gridseval.evaluation.cluster import most_workers
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.earlier import as_begun, refuse_other_policy, version_note
from gridseval.evaluation.extension import Extension, NoExtension
from gridseval.evaluation.limits import answer_limit
from gridseval.evaluation.live import LiveTables
from gridseval.evaluation.missing import missing_files
from gridseval.evaluation.prepared_run import PreparedRun
from gridseval.evaluation.prepared_suites import PreparedSuites, prepare_suites
from gridseval.evaluation.sharding import shard_of
from gridseval.evaluation.sharing import Sharing
from gridseval.evaluation.stopping import EarlyStop
from gridseval.evaluation.suspicions import signs_of, turned_images
from gridseval.evaluation.traces import TraceRecorder
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.results import EpisodeRecord, RunDirectory, Summary, write_tables
from gridseval.results.run.keys import RESUME
from gridseval.results.run.ownership import refuse_busy
from gridseval.results.run.record import SUCCESS_OF
from gridseval.results.run.suspicions import KEY
from gridseval.rollout import Listener, Outcome, RolloutPlan, run_episodes
from gridseval.run_names import ACTIONS, START_STATES, TRACES, VIDEOS
from gridseval.suites import Episode
from gridseval.video import VideoRecorder

_LONGEST_WAIT_S = 1e6  # poll(2) counts milliseconds in an int, which is 24 days


class Progress(Protocol):
    """Shows how far a run is."""

    def on_begin(self, prepared: PreparedSuites, done: Sequence[EpisodeRecord]) -> None:
        """Learn what is going to be run, and which records an earlier start left."""

    def on_record(self, record: EpisodeRecord) -> None:
        """Learn that an episode has ended."""


class Silent:
    """Shows nothing."""

    def on_begin(self, prepared: PreparedSuites, done: Sequence[EpisodeRecord]) -> None:
        """Show nothing."""

    def on_record(self, record: EpisodeRecord) -> None:
        """Show nothing."""


def evaluate(
    config: RunConfig,
    progress: Progress | None = None,
    extension: Extension | None = None,
    sharing: Sharing | None = None,
) -> Summary:
    """Run the episodes that are not in the run directory yet, and write the tables.

    However it ends, finished episodes are in ``episodes.jsonl`` and the tables show them;
    while it runs, the tables are renewed every few seconds.

    Args:
        config: What to run.
        progress: Shows how far the run is; default: shows nothing.
        extension: What a command adds to the run; default: nothing.
        sharing: Keeps policy and environments for a next run; the caller closes it. Default: what
            the run needs is loaded for it, and closed at its end.

    Raises:
        GridsevalError: Something a user can mend; see the subclasses for what.
    """
    if sharing is None:
        with Sharing() as own:
            return evaluate(config, progress, extension, own)
    if (shard := shard_of(config)) is not None:
        config = dataclasses.replace(config, out=shard.folder(config.out))
    with os_errors(f"cannot look at {config.out}", hint=RUN_HINTS):
        refuse_busy(config.out)
    config, notes = as_begun(config)
    extension, progress = extension or NoExtension(), progress or Silent()
    prepared = prepare_suites(config, sharing, shard, extension.prepare)
    manifest = {**prepared.manifest(), **extension.manifest()}
    refuse_other_policy(config.out, manifest)
    with RunDirectory.open(config.out, manifest, RESUME, config.resume_anyway) as run:
        done = run.done(retry_errors=config.retry_errors)
        kept = [record for record in run.records() if record.key in done]
        missing = missing_files(run.path, kept, config.record_actions)
        stop = EarlyStop.of(prepared.first.rule, prepared.episodes, run)
        remaining = prepared.remaining(done)
        goes_on = any(remaining) and not stop.decided
        mixed = version_note(run.manifest) if kept and goes_on else None
        notes = (*notes, *run.notes)
        said = (*prepared.warnings, *notes, *missing)
        turned = turned_images(prepared.first)
        warnings = (*said, *filter(None, [mixed, turned]))
        progress.on_begin(dataclasses.replace(prepared, warnings=warnings), kept)
        try:
            for note in filter(None, [mixed, turned]):
                run.add_note(note)
            if goes_on:
                run.note_mixed()
            for part, episodes in zip(prepared.runs, remaining, strict=True):
                if episodes and goes_on:
                    _run(part, episodes, run, progress, stop, extension, sharing)
            for note in () if prepared.dispatcher is None else prepared.dispatcher.notes:
                run.add_note(note)
            stop.note()
            extension.end(run)
        except BaseException:
            # The first error is the one to tell of; on a full disk a second one follows.
            with contextlib.suppress(OutputError):
                write_tables(run)
            raise
        return write_tables(run)


def _run(
    prepared: PreparedRun,
    episodes: Sequence[Episode],
    run: RunDirectory,
    progress: Progress,
    stop: EarlyStop,
    extension: Extension,
    sharing: Sharing,
) -> None:
    mapping = prepared.loaded.mapping
    limit = answer_limit(prepared, run, progress)
    recorder = VideoRecorder(prepared.suite, run.path / VIDEOS, prepared.choice, mapping)
    traces = TraceRecorder(run.path / TRACES, mapping)
    # A chunk may be longer than an episode; the environment takes no more steps than one has.
    replan = min(prepared.replan or prepared.max_steps, prepared.max_steps)
    plan = RolloutPlan(
        replan,
        prepared.choice.record_every,
        spread=prepared.rule is not None,
        scene=prepared.chosen.scene,
        flops=prepared.loaded.flops,
        timing=prepared.timing.timing,
        limit=limit,
    )
    workers = most_workers(prepared, len(episodes))
    live = LiveTables(lambda: write_tables(run))
    with contextlib.ExitStack() as opened:
        opened.callback(recorder.close)
        opened.callback(traces.close)
        timeout_s = min(prepared.config.timeout_s, _LONGEST_WAIT_S)
        running = opened.enter_context(contextlib.ExitStack())
        running.callback(sharing.drop_pool)
        pool = sharing.pool(prepared.settings, workers, timeout_s, prepared.nodes)
        listeners: list[Listener] = [recorder, traces]
        policy = prepared.dispatcher or prepared.loaded.policy
        for outcome in run_episodes(episodes, pool, policy, plan, listeners):
            video = recorder.finish(outcome.episode, outcome.status, outcome.steps)
            # Traces are of no use without the frames, which the actions bring back.
            if traces.finish(outcome.episode) is not None or prepared.config.record_actions:
                save_array(run.folder(ACTIONS), outcome.episode, outcome.actions)
            if outcome.start_state is not None:
                save_array(run.folder(START_STATES), outcome.episode, outcome.start_state)
            extension.finish(outcome)
            record = _record(prepared, outcome, video)
            run.append(record)
            progress.on_record(record)
            if stop.take(record):
                break
            live.refresh()
        else:
            running.pop_all()  # all episodes have ended, so another run may have the environments


def _record(prepared: PreparedRun, outcome: Outcome, video: Path | None) -> EpisodeRecord:
    task = prepared.suite.tasks[outcome.episode.task]
    told = prepared.chosen.told(outcome.episode, prepared.conditions.env_seed)
    return EpisodeRecord(
        suite=outcome.episode.suite,
        task=task.index,
        task_name=task.name,
        trial=outcome.episode.trial,
        instruction=told.instruction,
        status=outcome.status,
        success=SUCCESS_OF[outcome.status],
        steps=outcome.steps,
        error=outcome.error,
        seed=prepared.conditions.policy_seed,
        queries=outcome.queries,
        retries=outcome.retries,
        wall_s=round(outcome.wall_s, 3),
        video=None if video is None else f"videos/{video.name}",
        extra={
            "seconds": {key: round(value, 3) for key, value in outcome.seconds.items()},
            **told.extra,
            **outcome.figures,
            **({} if outcome.host is None else {"host": outcome.host}),
            **({} if outcome.arranged is None else {"arranged": dict(outcome.arranged)}),
            **({"motion": dict(outcome.motion)} if outcome.motion else {}),
            **({} if outcome.remark is None else {"remark": dict(outcome.remark)}),
            **({KEY: signs} if (signs := signs_of(prepared, outcome)) else {}),
        },
    )
