"""``gridseval suites``: lists suites and their tasks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

import click

from gridseval.cli.options import HELP, libero_plus_option, selection_options, tasks_option
from gridseval.errors import GridsevalError
from gridseval.suites import (
    LEVELS,
    Missing,
    Selection,
    Suite,
    Task,
    check_problems,
    count_strata,
    instruct,
    list_suites,
    load_suite,
    reasons,
    split_available,
)


@click.command(name="suites", context_settings=HELP)
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="Also list the tasks of a LIBERO-Plus suite.")
@tasks_option()
@selection_options()
@libero_plus_option()
def command(
    name: str | None,
    listed: bool,
    tasks: str | None,
    dimension: str | None,
    level: str | None,
    sample: int | None,
    libero_plus: str | None,
) -> None:
    """List the suites, or the tasks of the suite NAME, which may be a path of your own.

    \b
    gridseval suites libero_plus_goal       # counts, and what is available
    gridseval suites libero_plus_goal --list --dimension robot
    """  # noqa: D301
    if name is None:
        click.echo("\n".join(_overview()))
        return
    from gridseval.envs.own_states import check_own_states
    from gridseval.envs.plus import find_plus

    folder = find_plus(libero_plus)
    suite = instruct(load_suite(name), folder)
    chosen = Selection(tasks, dimension, level, sample).of(suite)
    available, lacking = split_available(chosen, folder)
    check_problems(available, folder)
    check_own_states(suite, available, folder)
    click.echo(_headline(suite, chosen))
    if chosen[0].variant is not None:
        click.echo("\n".join(_counts(chosen, available, lacking)))
    if listed or chosen[0].variant is None:
        click.echo("\n".join(_listing(chosen, lacking)))


def _overview() -> Iterator[str]:
    yield f"{'suite':<20}{'tasks':>6}{'trials':>8}{'max steps':>11}"
    for each in list_suites():
        try:
            suite = load_suite(each)
        except GridsevalError as error:  # a plug-in's; the others are there all the same
            yield f"{each:<20}{error}"
            continue
        yield f"{suite.name:<20}{len(suite.tasks):>6}{suite.trials:>8}{suite.max_steps:>11}"


def _headline(suite: Suite, chosen: tuple[Task, ...]) -> str:
    number = f"{len(suite.tasks)}"
    if len(chosen) < len(suite.tasks):
        number = f"{len(chosen)} of {number}"
    trials = "1 trial" if suite.trials == 1 else f"{suite.trials} trials"
    return (
        f"{suite.title}: {number} tasks × {trials}, {suite.max_steps} policy steps after "
        f"{suite.settle_steps} settle steps"
    )


def _counts(
    chosen: tuple[Task, ...], available: tuple[Task, ...], lacking: tuple[Missing, ...]
) -> Iterator[str]:
    """Yield a table of dimension × level, and why tasks are unavailable."""
    levels = (*map(str, LEVELS), "none")
    titles = [f"level {level}" if level != "none" else "no level" for level in levels]
    yield f"\n{_line('dimension', titles, 'tasks', 'available')}"
    here = count_strata(available)
    counts = count_strata(chosen)
    for dimension, row in counts.items():
        open_here = sum(here.get(dimension, {}).values())
        yield _line(dimension, map(row.get, levels), sum(row.values()), open_here)
    totals = [sum(row.get(level, 0) for row in counts.values()) for level in levels]
    yield _line("all", totals, len(chosen), len(available))
    if lacking:
        yield f"\nunavailable: {len(lacking)} tasks"
        for key, reason in reasons(lacking).items():
            yield from _wrapped(f"{key}: {reason}")
    yield ""


def _line(name: str, cells: Iterable[object], tasks: object, available: object) -> str:
    """Return one line of the table, which fits into 80 columns."""
    shown = "".join(f"{cell or '–':>9}" for cell in cells)
    return f"{name:<10}{shown}{tasks:>6}{available:>10}"


def _wrapped(text: str) -> Iterator[str]:
    """Yield lines of a sentence, which keeps paths and commands in one piece."""
    yield from textwrap.wrap(
        text,
        width=80,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _listing(chosen: tuple[Task, ...], lacking: tuple[Missing, ...]) -> Iterator[str]:
    without = {lack.task.index for lack in lacking}
    for task in chosen:
        mark = "  (unavailable)" if task.index in without else ""
        width = 3 if task.variant is None else 4
        yield f"{task.index:>{width}}  {task.name}{mark}"
        yield f"{' ' * width}  “{task.instruction}”"
