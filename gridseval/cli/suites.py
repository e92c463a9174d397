"""``gridseval suites``: what can be evaluated."""

from __future__ import annotations

import click

from gridseval.cli.options import HELP
from gridseval.suites import list_suites, load_suite


@click.command(name="suites", context_settings=HELP)
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the suites, or the tasks of the suite NAME."""
    if name is None:
        click.echo(f"{'suite':<16}{'tasks':>6}{'trials':>8}{'max steps':>11}")
        for each in list_suites():
            suite = load_suite(each)
            row = f"{suite.name:<16}{len(suite.tasks):>6}{suite.trials:>8}{suite.max_steps:>11}"
            click.echo(row)
        return
    suite = load_suite(name)
    click.echo(
        f"{suite.title}: {len(suite.tasks)} tasks × {suite.trials} trials, {suite.max_steps} policy"
        f" steps after {suite.settle_steps} settle steps"
    )
    for task in suite.tasks:
        click.echo(f"{task.index:>3}  {task.name}")
        click.echo(f"     “{task.instruction}”")
