"""Videos of a finished run, made again by playing its recorded actions.

Episodes repeat to the bit, so a run must keep only their actions and traces: the frames come back
when an episode is played. Larger videos, GIFs and contact sheets can be made years later, without
the policy.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from gridseval.assets import find_assets
from gridseval.envs.libero_env import LiberoEnv
from gridseval.errors import OutputError
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.output_files import check_outputs
from gridseval.pictures.recorded_episode import (
    RecordedEpisode,
    choose_records,
    find_recorded,
    parts_of,
)
from gridseval.pictures.replay import check_same_machine, replay, replay_settings
from gridseval.results.run.reading import Run, read_run
from gridseval.run_names import VIDEOS
from gridseval.suites import Suite
from gridseval.suites.recorded import recorded_suite
from gridseval.video import EpisodeVideo, Moments, video_name, write_sheet
from gridseval.video.recorder import RECORD_EVERY, VIDEO_FPS


@dataclass(frozen=True)
class Redrawing:
    """What ``gridseval video`` is asked to draw.

    Attributes:
        run: The run directory.
        episodes: Texts ``TASK:TRIAL``, or ``SUITE:TASK:TRIAL`` of a run of several suites; empty
            for those that ``tasks`` and ``trials`` choose.
        tasks: Indices, ranges and names, or ``None`` for all.
        trials: Number of trials per task, or ``None`` for the first that was run.
        form: Kind of video.
        sheet: Whether to write contact sheets, too.
        out: Folder for the files, or ``None`` for the run's ``videos``.
        assets: Folder of LIBERO's assets, or ``None`` to look for them.
        libero_plus: Folder of LIBERO-Plus's data, or ``None`` to look for it.
    """

    run: Path
    episodes: tuple[str, ...] = ()
    tasks: str | None = None
    trials: int | None = None
    form: Literal["mp4", "gif"] = "mp4"
    sheet: bool = False
    out: Path | None = None
    assets: str | None = None
    libero_plus: str | None = None


def redraw(
    asked: Redrawing, on_progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Iterator[Path]:
    """Draw episodes and yield each file when it is complete.

    Args:
        asked: What to draw.
        on_progress: Called with the number of control steps played so far, and of all.

    Raises:
        UsageError: There is no such run, task or trial.
        OutputError: The run lacks actions or traces, or a file cannot be read or written.
        MachineError: Assets or MuJoCo are not those of the run, or OpenGL is missing; or the
            episode did not end as recorded, which other versions can cause.
    """
    run = read_run(asked.run)
    if not run.manifest:
        raise OutputError(f"{asked.run} has no run.yaml, so that it cannot be played again")
    parts = [_chosen(part, named, asked) for part, named in parts_of(run, asked.episodes)]
    assets = find_assets(asked.assets)
    check_same_machine(run, assets)
    folder = asked.run / VIDEOS if asked.out is None else asked.out
    with os_errors(f"cannot create {folder}", hint=RUN_HINTS):
        folder.mkdir(parents=True, exist_ok=True)
    before, total = 0, sum(each.record.steps for part in parts for each in part.episodes)
    for part in parts:
        env = replay_settings(part.run, part.suite, assets, asked.libero_plus).make()
        with contextlib.closing(env):
            for recorded in part.episodes:
                on_step = _add(before, total, on_progress)
                yield from _draw(env, part.suite, recorded, folder, asked, on_step)
                before += recorded.record.steps


class _Part(NamedTuple):
    """The episodes to draw of one suite."""

    run: Run
    suite: Suite
    episodes: tuple[RecordedEpisode, ...]


def _chosen(run: Run, named: Sequence[str], asked: Redrawing) -> _Part:
    suite = recorded_suite(run.manifest)
    records = choose_records(run, suite, named, asked.tasks, asked.trials)
    return _Part(run, suite, tuple(find_recorded(run, record) for record in records))


def _add(before: int, total: int, on_progress: Callable[[int, int], None]) -> Callable[[int], None]:
    """Return a function from an episode's step to the progress of all episodes."""
    return lambda step: on_progress(before + step, total)


def _draw(
    env: LiberoEnv,
    suite: Suite,
    recorded: RecordedEpisode,
    folder: Path,
    asked: Redrawing,
    on_step: Callable[[int], None],
) -> Iterator[Path]:
    record, traces = recorded.record, recorded.read_traces()
    name = video_name(*record.key, suite.tasks[record.task].name)
    path = (folder / name).with_suffix(f".{asked.form}")
    sheet = path.with_name(f"{path.stem}-sheet.png")
    own = asked.run / VIDEOS  # which this command is there to draw again
    check_outputs(path, sheet, allowed=(own / path.name, own / sheet.name))
    mapping = None if traces is None else traces.mapping
    moments = Moments()

    def note(closing: bool) -> None:
        moments.note(touching=env.touches(), closing=closing)

    overlaid = traces is not None and any(trace is not None for _, trace in traces.queries)
    with EpisodeVideo(path, record.instruction, VIDEO_FPS, mapping, overlaid) as video:
        for frame in replay(env, recorded, RECORD_EVERY, note):
            on_step(frame.step)
            shown = frame if traces is None else frame.with_trace(traces.at(frame.step))
            moments.take(shown)
            video.append(shown.agentview, shown.wrist, shown.step, shown.trace)
        drawn = video.close(record.status, record.steps)
    if drawn is not None:
        yield drawn
    if asked.sheet:
        ended = (record.instruction, record.status, record.steps)
        yield write_sheet(sheet, moments.frames(), *ended, mapping)
