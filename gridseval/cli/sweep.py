"""``gridseval sweep``: a run for each value of an option, and the curve of success."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gridseval.cli.options import ERRORS_EXIT_CODE, HELP, FilePath
from gridseval.cli.progress import ClosableProgress, make_progress
from gridseval.cli.resumable import resumable
from gridseval.cli.run import command as run_command
from gridseval.cli.run import config_of
from gridseval.errors import GridsevalError, UsageError

if TYPE_CHECKING:
    from gridseval.evaluation import RunConfig
    from gridseval.sweeping import Point


@click.command(name="sweep", context_settings={**HELP, "ignore_unknown_options": True})
@click.option(
    "--out", required=True, type=FilePath(), metavar="DIR", help="Folder of all runs; resumed."
)
@click.option(
    "--plot", type=FilePath(), metavar="FILE", help="Also draw the curve: .svg, .png or .pdf."
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="run [OPTIONS OF RUN]…")
def command(out: Path, plot: Path | None, words: tuple[str, ...]) -> int:
    """Make one run per value of an option, and print success against it.

    Give an option of run several values: a list, or a range of whole numbers.
    Policy and compiled scenes are kept from run to run. The same command
    resumes, and more values extend the sweep.

    \b
    gridseval sweep run --suite libero_10 --policy oracle --delay 0,4,8 --out d
    gridseval sweep run --suite libero_10 --ckpt n --policy-arg k=4,16 --out k
    gridseval sweep run --suite libero_10 --ckpt n --perturb light:0..5 --out l

    table and report draw sweeps, several in one plot:

    \b
    gridseval table sweeps/dense sweeps/fastv --plot curves.pdf
    """  # noqa: D301
    from gridseval.output_files import check_outputs
    from gridseval.results.tables.text import as_text
    from gridseval.sweeping import curve_of, expand, sweep
    from gridseval.sweeping.plot_files import check_plot, write_plot
    from gridseval.sweeping.text import describe_curves

    if not words or words[0] != "run":
        raise UsageError("sweep repeats run", "gridseval sweep run … --out DIR")
    check_outputs(plot)
    if plot is not None:
        check_plot(plot)
    axes, points = expand(words[1:])
    shown = _Progress()
    with resumable(out, shown):
        record = sweep(axes, points, _config, out, shlex.join(["gridseval", *sys.argv[1:]]), shown)
    curves = curve_of(out)
    click.echo(as_text(describe_curves(curves, str(out))))
    if plot is not None:
        click.echo(f"plot: {write_plot(curves, plot)}")
    failed = [point for point in record.points if point.state in ("broken", "errors")]
    if not failed:
        return 0
    click.echo(f"{len(failed)} of {len(record.points)} points are broken or have errors", err=True)
    return ERRORS_EXIT_CODE


def _config(point: Point, out: Path) -> RunConfig:
    """Return a point's run, its options checked as ``gridseval run`` checks them."""
    words = [*point.words, "--out", str(out)]
    with run_command.make_context("run", list(words)) as context:
        given = dict(context.params)
    given.pop("out")
    if given["shard"] is not None:
        raise UsageError("--shard is for run, and sweep makes whole runs", "leave it out")
    return config_of(given, out, ["run", *words])


class _Progress:
    """A headline per point, and the usual progress of its run."""

    def __init__(self) -> None:
        self._bar: ClosableProgress | None = None

    def on_point(self, number: int, count: int, point: Point) -> ClosableProgress:
        """Say which point begins."""
        self.close()
        click.echo(f"point {number + 1} of {count}: {point.folder}", err=True)
        self._bar = make_progress()
        return self._bar

    def on_broken(self, point: Point, error: GridsevalError) -> None:
        """Say why a point ended, and go on."""
        self.close()
        click.echo(f"gridseval: {point.folder}: {error.message}", err=True)
        if error.hint:
            click.echo(f"  {error.hint}", err=True)

    def close(self) -> None:
        """Finish the display."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
