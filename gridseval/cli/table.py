"""``gridseval table``: prints runs as a table, for terminals, papers and programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridseval.cli.options import HELP, FilePath
from gridseval.errors import UsageError

if TYPE_CHECKING:
    from gridseval.results.tables.several_runs import RunsTable


@click.command(name="table", context_settings=HELP)
@click.argument("runs", nargs=-1, required=True, metavar="[NAME=]RUN…")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "md", "csv", "latex", "json"]),
    default="text",
    show_default=True,
    metavar="NAME",
    help="text, md, csv, latex or json; csv and json have all figures.",
)
@click.option(
    "--by",
    "rows",
    type=click.Choice(["task", "suite", "dimension"]),
    metavar="ROW",
    help="task, suite or dimension  [default: task; suite over 100 tasks]",
)
@click.option(
    "--columns",
    metavar="LIST",
    help="Motion: all, none, or such as ldlj,energy_j  [default: path_m,ldlj,seam_jump]",
)
@click.option(
    "--plot",
    type=FilePath(),
    metavar="FILE",
    help="Of sweeps: draw the curves as .svg, .png, .pdf.",
)
@click.option("--pool", is_flag=True, help="Join runs that differ only in the policy's seed.")
@click.option(
    "--published",
    multiple=True,
    metavar="FAMILY",
    help="Published rates: family, all, none  [default: the runs']",
)
@click.option("--force", is_flag=True, help="Join runs with different assets or MuJoCo versions.")
def command(
    runs: tuple[str, ...],
    form: str,
    rows: Any,
    columns: str | None,
    plot: Path | None,
    pool: bool,
    published: tuple[str, ...],
    force: bool,
) -> None:
    """Print runs side by side: success with 95 % intervals, tokens, time.

    \b
    gridseval table runs/mine
    gridseval table dense=runs/a pruned=runs/b --by suite --format latex
    gridseval table runs/seed7 runs/seed8 --pool

    Runs that are parts of one run, or suites of one policy, become one row.
    Give runs the same NAME to join them where run.yaml does not say it.
    Folders of gridseval sweep become curves.
    """  # noqa: D301
    from gridseval.output_files import check_outputs
    from gridseval.results.run.reading import read_run
    from gridseval.results.tables.merging import arrange_runs
    from gridseval.results.tables.several_runs import tabulate
    from gridseval.sweeping import are_sweeps

    check_outputs(plot)
    if are_sweeps(runs):
        _print_sweeps(runs, form, plot)
        return
    if plot is not None:
        raise UsageError("--plot draws sweeps, and these are runs", "gridseval report draws runs")
    arranged = arrange_runs([read_run(run) for run in runs], pool, force)
    table = tabulate(arranged, _families(published))
    click.echo(_rendered(table, form, rows, _motion(columns)).rstrip("\n"))


def _rendered(table: RunsTable, form: str, rows: Any, motion: list[str] | None) -> str:
    from gridseval.results.tables import several_runs

    if form == "csv":
        return several_runs.table_csv(table)
    if form == "json":
        return several_runs.table_json(table)
    render = {
        "text": several_runs.table_text,
        "md": several_runs.table_markdown,
        "latex": several_runs.table_latex,
    }[form]
    return render(table, rows, motion)


def _print_sweeps(named: tuple[str, ...], form: str, plot: Path | None) -> None:
    from gridseval.results.tables.markup import as_latex, as_markdown
    from gridseval.results.tables.text import as_text
    from gridseval.sweeping import curve_of
    from gridseval.sweeping.plot_files import check_plot, write_plot
    from gridseval.sweeping.text import describe_curves

    render = {"text": as_text, "md": as_markdown, "latex": as_latex}.get(form)
    if render is None:
        raise UsageError(
            f"sweeps are not printed as {form}",
            "--format text, md or latex; each run has a table.csv",
        )
    if plot is not None:
        check_plot(plot)
    curves = [curve for name in named for curve in curve_of(name)]
    click.echo(render(describe_curves(curves, ", ".join(named))).rstrip("\n"))
    if plot is not None:
        click.echo(f"plot: {write_plot(curves, plot)}", err=True)


def _motion(columns: str | None) -> list[str] | None:
    if columns is None:
        return None
    return [name for part in columns.split(",") if (name := part.strip()) != "none"]


def _families(published: tuple[str, ...]) -> list[str] | None:
    return [each for each in published if each != "none"] if published else None
