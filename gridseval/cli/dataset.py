"""``gridseval dataset``: looks at demonstrations."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from pathlib import Path

import click

from gridseval.cli.options import (
    ERRORS_EXIT_CODE,
    HELP,
    FilePath,
    assets_option,
    tasks_option,
    workers_option,
)
from gridseval.cli.progress import make_progress
from gridseval.cli.resumable import resumable
from gridseval.cli.sections import SectionedCommand


@click.group(name="dataset", context_settings=HELP)
def command() -> None:
    """Look at LIBERO's demonstrations."""


@command.command(name="check", cls=SectionedCommand, context_settings=HELP)
@click.argument("path", type=FilePath(), metavar="FILE|FOLDER")
@click.option("--out", required=True, type=FilePath(), metavar="DIR", help="Resumed if it exists.")
@click.option("--filter-noops", is_flag=True, help="Leave out actions that do nothing, as OpenVLA.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "md", "json"]),
    default="text",
    show_default=True,
    metavar="NAME",
    help="text, md or json",
)
@tasks_option()
@workers_option()
@assets_option()
def check(
    path: Path,
    out: Path,
    filter_noops: bool,
    form: str,
    tasks: str | None,
    workers: int | None,
    assets: str | None,
) -> int:
    """Play demonstrations (HDF5) again, and say which still succeed.

    Each begins at its stored state, with fixtures where its model has them. DIR
    is a run directory like any other: report and video show it.

    \b
    gridseval dataset check libero_goal/ --out runs/demos
    gridseval dataset check turn_on_the_stove_demo.hdf5 --filter-noops --out d
    """  # noqa: D301
    from gridseval.evaluation.demonstration_check import check_demonstrations, describe_check
    from gridseval.results.tables.markup import as_markdown
    from gridseval.results.tables.text import as_text

    with resumable(out, make_progress()) as bar:
        checks = check_demonstrations(
            path,
            out,
            bar,
            filter_noops=filter_noops,
            tasks=tasks,
            workers=workers,
            assets=assets,
            video="none",
            command=shlex.join(["gridseval", *sys.argv[1:]]),
        )
    if form == "json":
        data = {"schema": 1, "files": [dataclasses.asdict(each) for each in checks]}
        click.echo(json.dumps(data, indent=2))
    else:
        document = describe_check(checks, f"demonstrations of {path}")
        click.echo({"text": as_text, "md": as_markdown}[form](document).rstrip("\n"))
    return ERRORS_EXIT_CODE if any(each.errors for each in checks) else 0
