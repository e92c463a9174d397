"""Pictures of what the expert did not solve: first, middle and last frame, an episode per row."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gridseval.assets import find_assets
from gridseval.pictures.recorded_episode import RecordedEpisode, find_recorded
from gridseval.pictures.replay import check_same_machine, replay, replay_settings
from gridseval.results import read_run
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

    Raises:
        MachineError: No OpenGL back end works here, or assets or MuJoCo are not the run's.
        OutputError: Actions are missing, or a sheet cannot be written.
    """
    for old in mapped.run.glob("unsolved-*.png"):
        old.unlink()
    rows = unsolved_rows(mapped)[:most]
    if not rows:
        return
    strips: list[Strip] = []
    for done, strip in enumerate(_strips(mapped, rows, assets, libero_plus), 1):
        strips.append(strip)
        on_episode(done, len(rows))
        if len(strips) == ROWS or done == len(rows):
            path = mapped.run / f"unsolved-{-(-done // ROWS)}.png"
            yield save_image(draw(strips), path)
            strips = []


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
            recorded: RecordedEpisode = find_recorded(run, record)
            frames = list(replay(env, recorded, every=max(1, -(-record.steps // 2))))
            yield Strip(
                title=f"{row.suite} task {row.task}, trial {record.trial}: "
                f"{row.solved} of {row.attempts} solved",
                name=row.name,
                text=f"{row.goal} ({row.phase}): {row.reason}",
                pictures=tuple((frame.step, frame.agentview) for frame in frames),
            )
