"""Pictures of what the expert did not solve: first, middle and last frame, an episode per row."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from gridseval.assets import find_assets
from gridseval.errors import GridsevalError
from gridseval.os_errors import os_errors
from gridseval.pictures.recorded_episode import RecordedEpisode, find_recorded
from gridseval.pictures.replay import check_same_machine, replay, replay_settings
from gridseval.results import EpisodeRecord, read_run
from gridseval.solvable.strips import Strip, draw
from gridseval.solvable.task_map import MapRow, TaskMap
from gridseval.suites.recorded import recorded_suite
from gridseval.video.image_file import save_image

ROWS = 20
"""Episodes on one sheet."""


def write_sheets(
    mapped: TaskMap,
    most: int,
    assets: str | None = None,
    libero_plus: str | None = None,
    on_episode: Callable[[int, int], None] = lambda _done, _all: None,
) -> Iterator[Path]:
    """Draw the first unsolved episode of each task that was run, and yield each sheet.

    Args:
        mapped: The map; its run has recorded actions.
        most: Episodes at most.
        assets: Folder of LIBERO's assets, or ``None`` to look for them.
        libero_plus: Folder of LIBERO-Plus's data, or ``None`` to look for it.
        on_episode: Called with how many episodes are drawn, and how many there are.

    Sheets of an earlier map go when the new ones are there. An episode that cannot be drawn has
    a strip that says why.

    Raises:
        MachineError: No OpenGL back end works here, or assets or MuJoCo are not the run's.
        OutputError: A sheet cannot be written.
    """
    rows = unsolved_rows(mapped)[:most]
    strips: list[Strip] = []
    drawn: set[Path] = set()
    for done, strip in enumerate(_strips(mapped, rows, assets, libero_plus) if rows else (), 1):
        strips.append(strip)
        on_episode(done, len(rows))
        if len(strips) == ROWS or done == len(rows):
            path = mapped.run / f"unsolved-{-(-done // ROWS)}.png"
            drawn.add(save_image(draw(strips), path))
            yield path
            strips = []
    with os_errors(f"cannot remove sheets of an earlier map from {mapped.run}"):
        for old in set(mapped.run.glob("unsolved-*.png")) - drawn:
            old.unlink()


def unsolved_rows(mapped: TaskMap) -> list[MapRow]:
    """Return the tasks that were run and not solved in every attempt, least solved first."""
    rows = [row for row in mapped.rows if row.unsolved and row.same_as is None]
    return sorted(rows, key=lambda row: row.solved / row.attempts)


def _strips(
    mapped: TaskMap, rows: Sequence[MapRow], assets: str | None, libero_plus: str | None
) -> Iterator[Strip]:
    run = read_run(mapped.run)
    suite, found = recorded_suite(run.manifest), find_assets(assets)
    check_same_machine(run, found)
    records = {record.key: record for record in run.records}
    env = replay_settings(run, suite, found, libero_plus).make()
    with contextlib.closing(env):
        for row in rows:
            record = records[row.suite, row.task, row.unsolved[0]]
            frames, text = [], _said(record)
            try:
                recorded: RecordedEpisode = find_recorded(run, record)
                frames = list(replay(env, recorded, every=max(1, -(-record.steps // 2))))
            except GridsevalError as error:
                text = f"cannot be drawn: {error.message}"
            yield Strip(
                title=f"{row.suite} task {row.task}, trial {record.trial}: "
                f"{row.solved} of {row.attempts} solved",
                name=row.name,
                text=text,
                pictures=tuple((frame.step, frame.agentview) for frame in frames),
            )


def _said(record: EpisodeRecord) -> str:
    """Return what the expert said of this very episode."""
    remark = record.extra.get("remark")
    said = remark if isinstance(remark, Mapping) else {}
    return f"{said.get('goal', '')} ({said.get('phase', '')}): {said.get('reason', '')}"
