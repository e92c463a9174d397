"""``gridseval merge``: one run directory from the shards of a run."""

from __future__ import annotations

from pathlib import Path

import click

from gridseval.cli.options import ERRORS_EXIT_CODE, HELP, FilePath, resume_anyway_option


@click.command(name="merge", context_settings=HELP)
@click.argument("out", type=FilePath(), metavar="DIR")
@resume_anyway_option()
def command(out: Path, resume_anyway: bool) -> int:
    """Put the shards of a run together in DIR, the --out of all of them.

    Missing shards are named, and the same command adds them later. It ends
    as run does: with 6 if episodes are missing or ended in an error.

    \b
    gridseval run --suite libero_10 --ckpt my.pt --shard 0/4 --out runs/mine
    gridseval merge runs/mine
    """  # noqa: D301
    from gridseval.results import render_terminal
    from gridseval.results.shards.merge import merge_shards

    merged = merge_shards(out, resume_anyway)
    click.echo(render_terminal(merged.summary))
    click.echo(f"\nrun: {out}")
    if merged.missing:
        numbers = ", ".join(map(str, merged.missing))
        click.echo(f"gridseval: shards of {merged.count} that are missing: {numbers}", err=True)
    for number, done, expected in merged.unfinished:
        click.echo(f"gridseval: shard {number} has {done} of {expected} episodes", err=True)
    if merged.summary.tally.errors:
        click.echo("the shards' commands with --retry-errors rerun the errors; then merge again")
    return 0 if merged.is_whole else ERRORS_EXIT_CODE
