"""``gridseval bench``: how fast this machine is, side by side with the plain loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gridseval.cli.options import HELP, FilePath, Text
from gridseval.errors import OutputError

_BUG = 1
_MAX_WORKERS = 1024


@click.command(name="bench", context_settings=HELP)
@click.option(
    "--suite", type=Text(), default="libero_spatial", show_default=True, help="Suite to run."
)
@click.option("--tasks", type=Text(), default="0", show_default=True, help="Such as 0,3-5.")
@click.option("--trials", default=3, show_default=True, help="Episodes of each task and loop.")
@click.option("--steps", default=100, show_default=True, help="Policy steps of an episode.")
@click.option(
    "--workers",
    type=click.IntRange(max=_MAX_WORKERS),
    help="Most processes at once.  [default: one per core]",
)
@click.option("--assets", type=Text(), help="Folder of LIBERO's models.")
@click.option("--json", "json_path", type=FilePath(), help="Write figures here.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=7,
    show_default=True,
    help="LIBERO's seed, and the actions'.",
)
@click.pass_context
def command(
    ctx: click.Context, /, workers: int | None, json_path: Path | None, **arguments: Any
) -> None:
    """Compare speed with the plain libero loop.

    Both run the same episodes in turns: the loop that everyone copies (hard
    reset, images in every step) in one process, and gridseval with action
    chunks of 1 and 8, in one worker and in all. The policy is a tape of
    actions, so that its time counts for nothing. Exits with 1 if the
    simulation's final states are not equal to the bit.

    As it stands this takes about three minutes on two cores without a graphics
    card; --trials 1 takes a third of that.
    """
    from tqdm import tqdm

    from gridseval.bench.figures import compute_figures
    from gridseval.bench.measure import measure, number_of_parts
    from gridseval.bench.plan import BenchPlan
    from gridseval.bench.tables import as_json, as_text
    from gridseval.envs.pool.pool import default_workers

    if json_path is not None:
        _check_writable(json_path)
    plan = BenchPlan(workers=default_workers() if workers is None else workers, **arguments)
    with tqdm(total=number_of_parts(plan), desc="bench", unit="part") as bar:

        def on_progress(done: str) -> None:
            bar.set_postfix_str(done, refresh=False)
            bar.update()

        measured = measure(plan, on_progress)
    figures = compute_figures(plan, measured)
    click.echo(as_text(plan, measured, figures))
    if json_path is not None:
        _write(json_path, as_json(plan, measured, figures))
    if not figures.bits_equal:
        ctx.exit(_BUG)


def _check_writable(path: Path) -> None:
    """Find out before minutes of measuring, not after."""
    existed = path.exists()
    try:
        # Tried, not asked: os.access knows nothing of file systems like /proc.
        path.open("a", encoding="utf8").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _write(path: Path, content: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
