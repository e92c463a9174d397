"""``gridseval compare``: what changed between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gridseval.cli.options import HELP, FilePath

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
    help="How to print the comparison.",
)
@click.option(
    "--list",
    "listed",
    type=click.Choice(["lost", "won", "flipped", "both", "neither"]),
    metavar="WHICH",
    help="Print only TASK:TRIAL of lost, won, flipped, both, neither.",
)
@click.option(
    "--video",
    type=FilePath(),
    metavar="FILE",
    help="Write a flipped episode of both runs side by side.",
)
@click.option("--force", is_flag=True, help="Compare runs with different assets.")
def command(
    first: str, second: str, form: str, listed: str | None, video: Path | None, force: bool
) -> None:
    """Show what changed from run A to run B of the same suites.

    Prints rates with a paired test, rates per task, and the episodes that
    flipped. If both runs recorded actions (--record-actions), it also prints
    the step at which their trajectories part.

    \b
    gridseval compare runs/a runs/b --list lost
    gridseval run --suite libero_goal --policy oracle --episodes lost.txt
    """  # noqa: D301
    from gridseval.output_files import check_outputs
    from gridseval.results.compare import text as compare_text
    from gridseval.results.compare.flips import compare_runs
    from gridseval.results.run.assets_note import check_same_models
    from gridseval.results.run.reading import read_run, with_distinct_labels

    check_outputs(video)
    runs = with_distinct_labels([read_run(first), read_run(second)])
    comparison = compare_runs(*runs)
    check_same_models(runs, force)  # the settings name the assets of both
    if listed is not None:
        several = len(comparison.suites) > 1
        for suite, task, trial in comparison.listed(listed):
            click.echo(f"{suite}:{task}:{trial}" if several else f"{task}:{trial}")
        return
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
    return "no video: both runs need one of the same flipped episode (gridseval run --video all)"


def _video_of(run: Run, record: EpisodeRecord) -> Path | None:
    if record.video is None:
        return None
    files = (path / record.video for path in run.paths)
    return next((file for file in files if file.is_file()), None)
