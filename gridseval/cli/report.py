"""``gridseval report``: one HTML file about runs."""

from __future__ import annotations

from pathlib import Path

import click

from gridseval.cli.options import HELP, FilePath


@click.command(name="report", context_settings=HELP)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=str)
@click.option(
    "--out",
    type=FilePath(),
    metavar="FILE",
    help="File to write  [default: report.html in the first run]",
)
@click.option("--force", is_flag=True, help="Show runs with different assets side by side.")
def command(runs: tuple[str, ...], out: Path | None, force: bool) -> None:
    """Write one HTML file about a run, or about several side by side.

    \b
    gridseval report runs/mine
    gridseval report runs/mine runs/baseline --out comparison.html
    gridseval report baseline=runs/1 pruned=runs/2 --out comparison.html
    gridseval report dense=sweeps/dense fastv=sweeps/fastv --out curves.html
    """  # noqa: D301
    from gridseval.output_files import check_outputs
    from gridseval.results.run.reading import label_and_folder
    from gridseval.run_names import REPORT
    from gridseval.sweeping import are_sweeps

    if are_sweeps(runs):
        from gridseval.report.sweep_page import write_sweep_report

        path = out or label_and_folder(runs[0])[1] / REPORT
        check_outputs(path)
        click.echo(write_sweep_report(runs, path))
        return
    from gridseval.report import read_runs, write_report
    from gridseval.results.run.assets_note import check_same_models

    read = read_runs(runs)
    reports = [path / REPORT for each in read for path in each.run.paths]
    check_outputs(out or reports[0], allowed=reports)
    check_same_models([each.run for each in read], force)  # the page repeats the caution
    click.echo(write_report(read, out))
