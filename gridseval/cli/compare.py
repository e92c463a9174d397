"""``gridseval compare``: what changed between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gridseval.cli.options import HELP

if TYPE_CHECKING:
    from gridseval.results.compare.flips import Comparison
    from gridseval.results.run.reading import Run
    from gridseval.results.run.record import EpisodeRecord


@click.command(name="compare", context_settings=HELP)
@click.argument("first", metavar="[NAME=]A")
@click.argument("second", metavar="[NAME=]B")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "md", "json"]),
    default="text",
    show_default=True,
)
@click.option(
    "--video",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a flipped episode of both side by side.",
)
@click.option("--force", is_flag=True, help="Compare runs on different models.")
def command(first: str, second: str, form: str, video: Path | None, force: bool) -> None:
    """Show what changed from run A to run B of the same suites.

    Rates with a paired test, tasks, episodes that flipped, and the step at
    which trajectories part (where both were run with --record-actions).
    """
    from gridseval.results.compare import text as compare_text
    from gridseval.results.compare.flips import compare_runs
    from gridseval.results.run.assets_note import check_same_models
    from gridseval.results.run.reading import read_run, with_distinct_labels

    runs = with_distinct_labels([read_run(first), read_run(second)])
    comparison = compare_runs(*runs)
    check_same_models(runs, force)  # which ones they were stands among the settings
    render = {
        "text": compare_text.compare_text,
        "md": compare_text.compare_markdown,
        "json": compare_text.compare_json,
    }[form]
    click.echo(render(comparison).rstrip("\n"))
    if video is not None:
        click.echo(_write_video(comparison, video), err=True)


def _write_video(comparison: Comparison, to: Path) -> str:
    """Write the first flipped episode that both runs have a video of; return what was done."""
    from gridseval.errors import OutputError, UsageError
    from gridseval.video.side_by_side import write_side_by_side

    if to.suffix != ".mp4":
        raise UsageError(f"--video {to} does not end in .mp4")
    if not to.absolute().parent.is_dir():
        raise OutputError(f"cannot write {to}: its folder does not exist")
    runs = (comparison.first, comparison.second)
    for pair in comparison.flips:
        one, other = _video_of(runs[0], pair.first), _video_of(runs[1], pair.second)
        if one is not None and other is not None:
            labels = (f"A: {runs[0].label}", f"B: {runs[1].label}")
            write_side_by_side(one, other, to, labels)
            suite, task, trial = pair.first.key
            return f"video of trial {trial} of task {task} of {suite}: {to}"
    if not comparison.flips:
        return "no video: no episode flipped"
    return "no video: of no flipped episode do both runs have one (gridseval run --video all)"


def _video_of(run: Run, record: EpisodeRecord) -> Path | None:
    if record.video is None:
        return None
    files = (path / record.video for path in run.paths)
    return next((file for file in files if file.is_file()), None)
