"""``gridseval solvable``: a map of what the scripted expert solves."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridseval.cli.options import (
    EPISODES,
    ERRORS_EXIT_CODE,
    HELP,
    MACHINE,
    FilePath,
    assets_option,
    libero_plus_option,
    resume_anyway_option,
    selection_options,
    tasks_option,
    workers_option,
)
from gridseval.cli.progress import make_progress
from gridseval.cli.resumable import resumable
from gridseval.cli.sections import SectionedCommand, section_option

if TYPE_CHECKING:
    from gridseval.solvable import SolvableConfig, TaskMap


_episodes = section_option(EPISODES)
_output = section_option("Output")
_machine = section_option(MACHINE)


@click.command(name="solvable", cls=SectionedCommand, context_settings=HELP)
@click.argument("suites", nargs=-1, required=True, metavar="SUITE...")
@tasks_option()
@_episodes(
    "--trials",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Attempts per task, from N initial states.",
)
@selection_options()
@_episodes("--every-task", is_flag=True, help="Run also tasks whose episodes are the same.")
@_output(
    "--out",
    type=FilePath(),
    default=Path("runs/solvable"),
    show_default=True,
    metavar="DIR",
    help="Folder; resumed if it exists.",
)
@_output(
    "--sheet",
    type=int,
    default=60,
    show_default=True,
    metavar="N",
    help="Draw at most N unsolved episodes.",
)
@_output(
    "--write-list",
    "list_file",
    type=FilePath(),
    metavar="FILE",
    help="Write the unsolved as YAML, for a repository.",
)
@_output(
    "--format",
    "form",
    type=click.Choice(["text", "md"]),
    default="text",
    show_default=True,
    help="What to print.",
)
@_output("--retry-errors", is_flag=True, help="Rerun episodes that ended in an error.")
@resume_anyway_option()
@workers_option()
@assets_option()
@libero_plus_option()
@_machine("--force", is_flag=True, help="Accept versions that are known to change results.")
def command(suites: tuple[str, ...], form: str, list_file: Path | None, **options: Any) -> int:
    """Map which tasks the scripted expert solves, and why not the others.

    The expert sees object poses and no images. What it does not solve, another
    policy may solve. libero_plus stands for the four suites of LIBERO-Plus;
    tasks that differ in camera, words or noise only are run once.

    \b
    gridseval solvable libero_goal --trials 10
    gridseval solvable libero_plus --out runs/map
    """  # noqa: D301
    from gridseval.solvable import SolvableConfig, make_map, plans_of
    from gridseval.solvable.summary import map_markdown, map_text
    from gridseval.solvable.unsolved_list import check_list, write_list
    from gridseval.suites import none_available

    config = SolvableConfig(
        suites=suites, command=shlex.join(["gridseval", *sys.argv[1:]]), **options
    )
    plans = plans_of(config)
    if list_file is not None:
        check_list(list_file, {plan.suite.name: len(plan.tasks) for plan in plans})
    if not any(plan.run for plan in plans):
        raise none_available(plans[0].suite, tuple(plans[0].lacking.values()))
    maps = []
    for plan in plans:
        with resumable(config.out, make_progress()) as bar:
            maps.append(make_map(config, plan, bar))
    click.echo(map_markdown(maps, whole=False) if form == "md" else map_text(maps))
    if list_file is not None:
        write_list(list_file, maps)
    _draw(config, maps)
    click.echo(f"\nmaps: {config.out}", err=True)
    failed = any(row.error is not None for each in maps for row in each.rows)
    return ERRORS_EXIT_CODE if failed else 0


def _draw(config: SolvableConfig, maps: Sequence[TaskMap]) -> None:
    """Draw the contact sheets; without a renderer the maps are complete, too."""
    from gridseval.errors import GridsevalError
    from gridseval.solvable.contact_sheet import unsolved_rows, write_sheets

    left = config.sheet
    for mapped in maps:
        number = min(left, len(unsolved_rows(mapped)))
        if number:
            click.echo(f"drawing {number} unsolved episodes of {mapped.suite}", err=True)
        try:
            for sheet in write_sheets(mapped, left, config.assets, config.libero_plus):
                click.echo(f"sheet: {sheet}", err=True)
        except GridsevalError as error:
            click.echo(f"gridseval: warning: no contact sheet: {error.message}", err=True)
            return
        left -= number
