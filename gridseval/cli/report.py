"""``gridseval report``: runs as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from gridseval.cli.options import HELP


@click.command(name="report", context_settings=HELP)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=str)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file  [default: report.html in the first run]",
)
def command(runs: tuple[str, ...], out: Path | None) -> None:
    """Write a run, or several side by side, as one HTML file that opens from disk.

    \b
    gridseval report runs/mine
    gridseval report runs/mine runs/baseline --out comparison.html
    gridseval report baseline=runs/1 pruned=runs/2 --out comparison.html
    """  # noqa: D301
    from gridseval.report import read_runs, write_report

    click.echo(write_report(read_runs(runs), out))
