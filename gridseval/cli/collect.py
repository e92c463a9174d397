"""``gridseval collect``: episodes as a dataset to train on."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from gridseval.cli.options import (
    EPISODES,
    ERRORS_EXIT_CODE,
    HELP,
    MACHINE,
    POLICY,
    FilePath,
    Text,
    assets_option,
    libero_plus_option,
    parsed_policy_arguments,
    policy_options,
    resume_anyway_option,
    selection_options,
    suite_option,
    tasks_option,
    workers_option,
)
from gridseval.cli.progress import make_progress
from gridseval.cli.resumable import resumable
from gridseval.cli.sections import SectionedCommand, section_option

_episodes = section_option(EPISODES)
_policy = section_option(POLICY)
_dataset = section_option("Dataset")
_machine = section_option(MACHINE)


@click.command(name="collect", cls=SectionedCommand, context_settings=HELP)
@suite_option()
@tasks_option()
@_episodes(
    "--starts",
    type=Text(),
    default="fresh:50",
    show_default=True,
    metavar="KIND",
    help="fresh:N, N starts per task, or stored",
)
@selection_options()
@_episodes("--protocol", type=Text(), metavar="NAME", help="As for gridseval run.")
@_episodes("--seed", type=int, metavar="N", help="Seed of policy and noise  [default: 7]")
@_episodes(
    "--env-seed",
    type=int,
    default=100,
    show_default=True,
    metavar="N",
    help="Simulator's seed; evaluations have others",
)
@_episodes(
    "--perturb",
    multiple=True,
    metavar="KIND:N",
    help="Perturb all episodes, such as camera:3; repeatable.",
)
@policy_options()
@_policy("--replan", type=int, metavar="N", help="Policy steps per frame  [default: the policy's]")
@_policy(
    "--noise",
    type=float,
    default=0.0,
    show_default=True,
    metavar="SD",
    help="Noise on executed translations",
)
@_policy(
    "--noise-share",
    type=float,
    default=0.4,
    show_default=True,
    metavar="RATE",
    help="Share of the queries with noise",
)
@_policy(
    "--label", type=Text(), metavar="NAME", help="Policy that labels  [default: the acting one]"
)
@_policy("--label-ckpt", "label_checkpoint", type=Text(), metavar="PATH", help="Its checkpoint.")
@_policy(
    "--label-arg",
    "label_arguments",
    multiple=True,
    metavar="K=V",
    help="Give the labelling policy the argument K=V; repeatable.",
)
@_dataset("--out", required=True, type=FilePath(), metavar="DIR", help="Resumed if it exists.")
@_dataset("--image-px", type=int, metavar="N", help="Side of the images  [default: the protocol's]")
@_dataset(
    "--keep",
    type=Text(),
    default="successes",
    show_default=True,
    metavar="WHICH",
    help="successes or all",
)
@resume_anyway_option()
@workers_option()
@assets_option()
@libero_plus_option()
def command(out: Path, **options: Any) -> int:
    """Make a LeRobot dataset of a policy's episodes, to train on.

    \b
    gridseval collect --suite libero_object --policy oracle --out data/object
    gridseval collect --suite libero_goal --policy oracle --noise 0.35 --out d
    gridseval collect --suite libero_goal --ckpt my.pt --label oracle --out d
    """  # noqa: D301
    from gridseval.collecting import CollectConfig, collect
    from gridseval.evaluation import RunConfig

    names = ("label", "label_checkpoint", "noise", "noise_share", "image_px", "keep")
    own = {name: options.pop(name) for name in names}
    config = CollectConfig(
        run=RunConfig(
            out=out,
            policy_arguments=parsed_policy_arguments(options.pop("policy_arguments")),
            command=shlex.join(["gridseval", *sys.argv[1:]]),
            video="none",
            **{name: value for name, value in options.items() if name != "label_arguments"},
        ),
        label_arguments=parsed_policy_arguments(options["label_arguments"]),
        **own,
    )
    with resumable(out, make_progress()) as bar:
        summary, episodes = collect(config, bar)
    click.echo(f"{summary.tally.successes} of {summary.tally.counted} episodes succeeded")
    if summary.tally.errors:
        click.echo(
            f"{summary.tally.errors} episodes ended in an error, so that no dataset was written: "
            "the same command runs them again"
        )
        return ERRORS_EXIT_CODE
    click.echo(f"dataset: {out}, {episodes} episodes")
    return 0
