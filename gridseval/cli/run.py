"""``gridseval run``: the main job."""

from __future__ import annotations

import datetime
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from gridseval.cli.options import (
    HELP,
    FilePath,
    Text,
    file_stem,
    parsed_policy_arguments,
    selection_options,
)
from gridseval.cli.progress import make_progress

_ERRORS_EXIT_CODE = 6


@click.command(name="run", context_settings=HELP)
@click.option(
    "--suite",
    required=True,
    type=Text(),
    help="Name or folder; see: gridseval suites.",
)
@click.option("--tasks", type=Text(), help="Indices, ranges, names: 0,3-5  [default: all]")
@selection_options
@click.option("--trials", type=int, help="Trials per task  [default: 50; LIBERO-Plus: 1]")
@click.option("--perturb", multiple=True, help="camera:3, light:2, noise:number=35, …; repeatable.")
@click.option("--prompts", type=Text(), default="base", show_default=True, help="base or upstream.")
@click.option("--robot-true", is_flag=True, help="Really start at the robot dimension's joints.")
@click.option("--ckpt", "checkpoint", type=Text(), help="File, folder, hub id or address.")
@click.option("--policy", type=Text(), help="Kind of policy, module:Class or file.py:Class.")
@click.option("--policy-arg", "policy_arguments", multiple=True, help="key=value for the policy.")
@click.option("--trust-remote-code", is_flag=True, help="Run the checkpoint's own code.")
@click.option("--replan", type=int, help="Policy steps between queries  [default: the policy's]")
@click.option(
    "--protocol", type=Text(), help="openvla, openpi, lerobot, …  [default: the policy's]"
)
@click.option("--max-steps", type=int, help="Policy steps per episode  [default: the protocol's]")
@click.option("--workers", type=int, help="Worker processes, 0: none  [default: one per core]")
@click.option("--seed", type=int, help="The policy's and LIBERO's  [default: 7; the protocol's]")
@click.option("--env-seed", type=int, help="LIBERO's, if not --seed or the protocol's.")
@click.option("--out", type=FilePath(), help="Run directory; resumed if it exists.")
@click.option(
    "--video", type=Text(), help="none, failures, all or a number  [default: one per task]"
)
@click.option("--assets", type=Text(), help="Folder of LIBERO's models; see: gridseval assets list")
@click.option("--retry-errors", is_flag=True, help="On resuming, run episodes again that ended so.")
@click.option("--record-actions", is_flag=True, help="Keep executed actions, for --policy replay.")
@click.option(
    "--timeout",
    "timeout_s",
    type=float,
    default=180.0,
    show_default=True,
    help="Seconds before a silent worker is replaced.",
)
@click.option("--stop-when-decided", is_flag=True, help="End early by a sequential test.")
@click.option("--min-success", type=float, help="Success rate to reach, for that test.")
@click.option(
    "--max-drop", type=float, default=0.05, show_default=True, help="Drop below it to catch."
)
@click.option("--alpha", type=float, default=0.05, show_default=True, help="Errors of that test.")
@click.option("--force", is_flag=True, help="Accept versions that are known to change results.")
def command(out: Path | None, policy_arguments: tuple[str, ...], **options: Any) -> int:
    """Evaluate a policy on a suite: success table, records, videos.

    \b
    gridseval run --suite libero_object --policy oracle
    gridseval run --suite libero_10 --ckpt policy.pt --trials 10 --out runs/mine
    gridseval run --suite libero_plus_10 --ckpt policy.pt --dimension camera,noise --sample 100
    """  # noqa: D301
    from gridseval.evaluation import RunConfig, evaluate
    from gridseval.results import render_terminal

    config = RunConfig(
        out=out or _default_out(options),
        policy_arguments=parsed_policy_arguments(policy_arguments),
        command=shlex.join(["gridseval", *sys.argv[1:]]),
        **options,
    )
    bar = make_progress()
    try:
        summary = evaluate(config, bar)
    except KeyboardInterrupt as error:
        error.args = (f"the same command with --out {config.out} resumes",)
        raise
    finally:
        bar.close()
    click.echo(render_terminal(summary))
    click.echo(f"\nrun: {config.out}")
    if not summary.tally.errors:
        return 0
    click.echo(f"the same command with --out {config.out} --retry-errors runs errors again")
    return _ERRORS_EXIT_CODE


def _default_out(options: dict[str, Any]) -> Path:
    """Return a new directory's name, such as ``runs/libero_object-oracle-20260828-101500``."""
    who = options["policy"] or Path(options["checkpoint"] or "policy").stem
    who = re.sub(r"[^A-Za-z0-9_.]+", "_", who)
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{file_stem(options['suite'])}-{who}-{now}"
