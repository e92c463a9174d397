"""Pictures of what the expert did not solve: first, middle and last frame, an episode per row."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gridseval.assets import find_assets
from gridseval.pictures.recorded_episode import RecordedEpisode, find_recorded
from gridseval.pictures.replay import check_same_machine, replay, replay_settings
from gridseval.results import read_run
from gridseval.solvable.task_map import MapRow, TaskMap
from gridseval.suites.recorded import recorded_suite
from gridseval.video.image_file import save_image

ROWS = 20
"""Episodes on one sheet."""

PICTURE_PX = 160
_TEXT_PX, _GAP_PX, _LETTERS = 420, 8, 56
_PAPER, _INK, _FAINT = (255, 255, 255), (24, 26, 30), (110, 114, 122)


@dataclass(frozen=True, eq=False)
class Strip:
    """One episode on a sheet.

    Attributes:
        title: Suite, task and trial.
        name: The task's name.
        text: What was the matter.
        pictures: uint8 (256, 256, 3) each, in the order of time, and the step of each.
    """

    title: str
    name: str
    text: str
    pictures: tuple[tuple[int, NDArray[np.uint8]], ...]


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


def draw(strips: Sequence[Strip]) -> Image.Image:
    """Return a sheet, one episode below the other."""
    across = max(len(strip.pictures) for strip in strips)
    height = PICTURE_PX + 2 * _GAP_PX
    size = (across * (PICTURE_PX + _GAP_PX) + _TEXT_PX, len(strips) * height)
    image = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(image)
    for number, strip in enumerate(strips):
        top = number * height + _GAP_PX
        for place, (step, picture) in enumerate(strip.pictures):
            left = place * (PICTURE_PX + _GAP_PX)
            small = Image.fromarray(picture).resize(
                (PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS
            )
            image.paste(small, (left, top))
            pen.text(
                (left + 4, top + 2),
                f"step {step}",
                _PAPER,
                _font(12),
                stroke_width=2,
                stroke_fill=_INK,
            )
        left = across * (PICTURE_PX + _GAP_PX)
        pen.text((left, top), strip.title, _INK, _font(15))
        name = "\n".join(textwrap.wrap(strip.name.replace("_", " "), _LETTERS)[:4])
        pen.multiline_text((left, top + 24), name, _FAINT, _font(13))
        said = "\n".join(textwrap.wrap(strip.text, _LETTERS)[:4])
        pen.multiline_text((left, top + 96), said, _INK, _font(13))
    return image


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


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
