"""``gridseval video``: makes videos and contact sheets of a run."""

from __future__ import annotations

from typing import Any

import click

from gridseval.cli.options import (
    HELP,
    FilePath,
    Text,
    assets_option,
    libero_plus_option,
    tasks_option,
)


@click.command(name="video", context_settings=HELP)
@click.argument("run", type=FilePath())
@click.option(
    "--episode",
    "episodes",
    multiple=True,
    type=Text(),
    metavar="TASK:TRIAL",
    help="Draw this episode, such as 0:3; repeatable.",
)
@tasks_option()
@click.option(
    "--trials", type=int, metavar="N", help="Draw N trials per task  [default: the first]"
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["mp4", "gif"]),
    default="mp4",
    show_default=True,
    help="Format of the videos.",
)
@click.option("--sheet", is_flag=True, help="Also write four frames of each episode as PNG.")
@click.option(
    "--out", type=FilePath(), metavar="DIR", help="Write here  [default: videos/ in the run]"
)
@assets_option()
@libero_plus_option()
def command(**options: Any) -> None:
    """Make videos of a run's episodes, with the tokens that the policy kept.

    It replays recorded actions and does not need the policy. A run records
    actions with --record-actions, and whenever its policy returns token traces.

    \b
    gridseval video runs/mine --episode 0:3 --sheet
    gridseval video runs/mine --tasks 0-2 --trials 5 --format gif --out clips
    """  # noqa: D301
    from tqdm import tqdm

    from gridseval.pictures.redraw import Redrawing, redraw

    with tqdm(desc="video", unit="step", leave=False, disable=None) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        for path in redraw(Redrawing(**options), on_progress):
            bar.clear()  # or the path would follow the bar on its line
            click.echo(path)
