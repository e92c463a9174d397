"""``gridseval run``: the main job."""

from __future__ import annotations

import datetime
import re
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
    POLICY,
    FilePath,
    Text,
    assets_option,
    file_stem,
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
from gridseval.errors import UsageError

if TYPE_CHECKING:
    from gridseval.evaluation import RunConfig

_episodes = section_option(EPISODES)
_policy = section_option(POLICY)
_timing = section_option("Real time")
_perturbation = section_option("Perturbation")
_stopping = section_option("Early stopping")
_output = section_option("Output")
_machine = section_option(MACHINE)


@click.command(name="run", cls=SectionedCommand, context_settings=HELP)
@suite_option(several=True)
@tasks_option()
@_episodes(
    "--trials",
    type=Text(),
    metavar="N",
    help="N, or which: 0-9,20-29  [default: 50; LIBERO-Plus: 1]",
)
@_episodes("--episodes", type=FilePath(), metavar="FILE", help="Lines TASK:TRIAL, in their place.")
@_episodes(
    "--starts",
    type=Text(),
    metavar="KIND",
    help="fresh:N: N starts per task  [default: stored]",
)
@selection_options()
@_episodes(
    "--protocol",
    type=Text(),
    metavar="NAME",
    help="openvla, openpi, lerobot, …  [default: the policy's]",
)
@_episodes(
    "--max-steps",
    type=int,
    metavar="N",
    help="Policy steps per episode  [default: the protocol's]",
)
@_episodes(
    "--seed",
    type=int,
    metavar="N",
    help="Seed of policy and simulator  [default: 7; protocol's]",
)
@_episodes(
    "--env-seed",
    type=int,
    metavar="N",
    help="Simulator's seed  [default: --seed or the protocol's]",
)
@policy_options()
@_policy(
    "--policies",
    type=int,
    metavar="N",
    help="Replicas of the policy in processes, on a GPU each",
)
@_policy(
    "--replan",
    type=int,
    metavar="N",
    help="Policy steps per query  [default: the policy's]",
)
@_timing(
    "--delay",
    type=Text(),
    metavar="STEPS",
    help="Answers come after N, N:M, measured, replay:RUN steps",
)
@_timing(
    "--execution",
    type=Text(),
    metavar="HOW",
    help="sync, or async: a query every --replan  [default: sync]",
)
@_timing(
    "--when-late",
    type=Text(),
    metavar="HOW",
    help="hold, or repeat the last action  [default: hold]",
)
@_timing("--latency-scale", type=float, metavar="X", help="Factor on measured delays  [default: 1]")
@_perturbation(
    "--perturb",
    multiple=True,
    metavar="KIND:N",
    help="Perturb all episodes, such as camera:3; repeatable.",
)
@_perturbation(
    "--prompts",
    type=Text(),
    default="base",
    show_default=True,
    metavar="NAME",
    help="LIBERO-Plus prompts: base or upstream",
)
@_perturbation(
    "--perturbed-start", is_flag=True, help="LIBERO-Plus: start the arm at the perturbed joints."
)
@_perturbation("--robot-true", is_flag=True, hidden=True)
@_stopping("--stop-when-decided", is_flag=True, help="Stop once a sequential test decides.")
@_stopping("--min-success", type=float, metavar="RATE", help="Success rate that the test asks for.")
@_stopping(
    "--max-drop",
    type=float,
    default=0.05,
    show_default=True,
    metavar="RATE",
    help="Smallest drop below it to detect.",
)
@_stopping(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    metavar="P",
    help="Error probability of the test.",
)
@_output("--out", type=FilePath(), metavar="DIR", help="Run directory; resumed if it exists.")
@_output(
    "--video",
    type=Text(),
    metavar="WHICH",
    help="none, failures, all, a number  [default: 1 per task]",
)
@_output("--record-actions", is_flag=True, help="Keep the actions: for video and --policy replay.")
@_output("--retry-errors", is_flag=True, help="Rerun episodes that ended in an error.")
@resume_anyway_option()
@_machine("--shard", type=Text(), metavar="I/N", help="One of N parts, or slurm; then merge.")
@workers_option()
@_machine(
    "--ray",
    type=Text(),
    metavar="ADDRESS",
    help="Workers on a Ray cluster: auto, local, HOST:PORT",
)
@_machine(
    "--env-gpus",
    type=float,
    default=0.0,
    metavar="X",
    help="With --ray: each worker's share of a GPU  [default: 0]",
)
@_machine(
    "--timeout",
    "timeout_s",
    type=float,
    default=180.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for a worker's answer",
)
@assets_option()
@libero_plus_option()
@_machine("--force", is_flag=True, help="Accept versions and packages that change results.")
def command(out: Path | None, policy_arguments: tuple[str, ...], **options: Any) -> int:
    """Evaluate a policy on a suite: success table, records, videos.

    \b
    gridseval run --suite libero_object --policy oracle
    gridseval run --suite libero_10 --ckpt policy.pt --trials 10 --out runs/mine
    gridseval run --suite libero_plus_10 --ckpt policy.pt --dimension camera
    """  # noqa: D301
    from gridseval.evaluation import evaluate
    from gridseval.evaluation.sharding import shard_of
    from gridseval.results import render_terminal

    if options["shard"] is not None and out is None:
        raise UsageError("--shard needs --out", "give the same directory to all shards")
    given = {**options, "policy_arguments": policy_arguments}
    config = config_of(given, out or _default_out(options), sys.argv[1:])
    with resumable(config.out, make_progress()) as bar:
        summary = evaluate(config, bar)
    click.echo(render_terminal(summary))
    shard = shard_of(config)
    click.echo(f"\nrun: {config.out if shard is None else shard.folder(config.out)}")
    if shard is not None:
        click.echo(f"gridseval merge {config.out} makes one run of the shards")
    if not summary.tally.errors:
        return 0
    click.echo(f"the same command with --out {config.out} --retry-errors reruns the errors")
    return ERRORS_EXIT_CODE


def config_of(given: dict[str, Any], out: Path, words: Sequence[str]) -> RunConfig:
    """Return a run's arguments from the values of this command's options.

    Args:
        given: By name, ``out`` not among them.
        out: The run directory.
        words: The command line without the program, for the record.

    Raises:
        UsageError: A policy's argument is not of the form ``k=v``.
    """
    from gridseval.evaluation import RunConfig

    options = dict(given)
    if options.pop("robot_true"):
        click.echo("gridseval: warning: --robot-true is called --perturbed-start now", err=True)
        options["perturbed_start"] = True
    return RunConfig(
        out=out,
        policy_arguments=parsed_policy_arguments(options.pop("policy_arguments")),
        command=shlex.join(["gridseval", *words]),
        **options,
    )


def _default_out(options: dict[str, Any]) -> Path:
    """Return a new directory's name, such as ``runs/libero_object-oracle-20260828-101500``."""
    who = options["policy"] or Path(options["checkpoint"] or "policy").stem
    who = re.sub(r"[^A-Za-z0-9_.]+", "_", who)[:60]  # a file's name has 255 bytes at most
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    suites = "+".join(map(file_stem, options["suite"].split(",")))
    return Path("runs") / f"{suites[:120]}-{who}-{now}"
