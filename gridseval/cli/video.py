"""``gridseval video``: videos and contact sheets of a finished run."""

from __future__ import annotations

from typing import Any

import click

from gridseval.cli.options import HELP, FilePath, Text


@click.command(name="video", context_settings=HELP)
@click.argument("run", type=FilePath())
@click.option(
    "--episode",
    "episodes",
    multiple=True,
    type=Text(),
    metavar="TASK:TRIAL",
    help="One episode, such as 0:3; may be repeated.",
)
@click.option("--tasks", type=Text(), help="Indices, ranges, names: 0,3-5  [default: all]")
@click.option("--trials", type=int, help="So many per task  [default: the first that was run]")
@click.option(
    "--format", "form", type=click.Choice(["mp4", "gif"]), default="mp4", show_default=True
)
@click.option("--sheet", is_flag=True, help="Also write four moments of each episode as PNG.")
@click.option("--out", type=FilePath(), help="Folder  [default: videos/ in the run]")
@click.option(
    "--assets", type=Text(), help="Folder of LIBERO's models  [default: GRIDSEVAL_ASSETS, cache]"
)
@click.option("--libero-plus", type=Text(), help="Folder of LIBERO-Plus's data, for its suites.")
def command(**options: Any) -> None:
    """Draw episodes of a run again, with the tokens that the policy kept.

    Plays the recorded actions: runs keep them with --record-actions, and
    whenever the policy returns traces. The policy itself is not needed.

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
