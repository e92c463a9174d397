"""``gridseval train``: a checkpoint of ``nano`` from datasets of ``gridseval collect``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from gridseval.cli.options import (
    HELP,
    MACHINE,
    FilePath,
    Text,
    assets_option,
    libero_plus_option,
    parsed_policy_arguments,
)
from gridseval.cli.resumable import resumable
from gridseval.cli.sections import SectionedCommand, section_option

_model = section_option("Model")
_training = section_option("Training")
_simulator = section_option("In the simulator")
_machine = section_option(MACHINE)

MODELS = ("nano",)


@click.command(name="train", cls=SectionedCommand, context_settings=HELP)
@click.argument("model", type=Text(), metavar="MODEL")
@click.argument("datasets", nargs=-1, required=True, type=FilePath(), metavar="DATASET...")
@_model("--pruner", type=Text(), metavar="NAME", help="Train with it  [default: --init's or dense]")
@_model(
    "--policy-arg",
    "pruner_arguments",
    multiple=True,
    metavar="K=V",
    help="Give the pruner the argument K=V; repeatable.",
)
@_model("--init", type=FilePath(), metavar="CKPT", help="Start from a checkpoint.")
@_model("--shape", type=FilePath(), metavar="FILE", help="A config.json  [default: nano's own]")
@_training("--out", required=True, type=FilePath(), metavar="DIR", help="Resumed if it exists.")
@_training("--steps", type=int, metavar="N", help="Train for N steps: repeatable to the bit.")
@_training("--minutes", type=float, metavar="M", help="Train for M minutes  [default: 60]")
@_training("--batch", type=int, metavar="N", help="Samples per step  [default: 64]")
@_training("--lr", type=float, metavar="X", help="Highest learning rate  [default: 6e-4]")
@_training("--weight-decay", type=float, metavar="X", help="[default: 0.02]")
@_training("--ema", type=float, metavar="X", help="Decay of averaged weights  [default: 0.999]")
@_training("--shift-px", type=int, metavar="N", help="Shift images by up to N  [default: 4]")
@_training("--colour", type=float, metavar="X", help="Vary light by up to X  [default: 0.15]")
@_training("--state-noise", type=float, metavar="X", help="In deviations  [default: 0.02]")
@_training("--holdout", type=float, metavar="X", help="Episodes that validate  [default: 0.05]")
@_training("--validate-every", type=int, metavar="N", help="Steps between  [default: 200]")
@_training("--seed", type=int, metavar="N", help="Of all chance in training  [default: 0]")
@_simulator("--evaluate-every", type=float, metavar="M", help="Minutes between  [default: never]")
@_simulator("--evaluate-starts", type=int, metavar="N", help="Per task  [default: 3]")
@_simulator("--dagger", type=int, metavar="N", help="Rounds of DAgger  [default: 0]")
@_simulator("--dagger-starts", type=int, metavar="N", help="Per task and round  [default: 5]")
@_simulator("--env-seed", type=int, metavar="N", help="Other than the data's  [default: 300]")
@_machine("--device", type=Text(), metavar="NAME", help="cpu, cuda, cuda:1  [default: a GPU]")
@_machine("--threads", type=int, metavar="N", help="torch's on the CPU  [default: 1]")
@_machine("--precision", type=Text(), metavar="NAME", help="float32 or bf16  [default: auto]")
@_machine("--workers", type=int, metavar="N", help="Of the simulator  [default: one per core]")
@_machine("--cache", type=FilePath(), metavar="DIR", help="Decoded images  [default: DATASET]")
@assets_option()
@libero_plus_option()
def command(
    model: str, datasets: tuple[Path, ...], shape: Path | None, init: Path | None, **options: Any
) -> None:
    """Train MODEL (nano) on datasets of gridseval collect.

    \b
    gridseval train nano data/object --out nano --minutes 30
    gridseval train nano data/* --out k16 --pruner grids --policy-arg k=16
    gridseval train nano data/object --out nano --evaluate-every 15 --dagger 2
    """  # noqa: D301
    from gridseval.cli.training_progress import make_training_progress
    from gridseval.errors import UsageError, did_you_mean
    from gridseval.policies.nano.config import read_config
    from gridseval.policies.reference import reference_folder
    from gridseval.training import TrainConfig, train

    if model not in MODELS:
        raise UsageError(f"gridseval trains no {model!r}", did_you_mean(model, MODELS))
    given = {name: value for name, value in options.items() if value is not None}
    config = TrainConfig(
        datasets=datasets,
        shape=None if shape is None else read_config(shape),
        init=reference_folder(init) or init,
        pruner_arguments=parsed_policy_arguments(given.pop("pruner_arguments")),
        command=shlex.join(["gridseval", *sys.argv[1:]]),
        **given,
    )
    with resumable(config.out, make_training_progress()) as progress:
        state = train(config, progress)
    _report(config.out, state)


def _report(out: Path, state: Any) -> None:
    from gridseval.cli.training_progress import validation_of
    from gridseval.training.success import errors_of

    held = validation_of(state)
    shown = "" if held is None else f", L1 on held-out episodes {held:.4f}"
    click.echo(f"{state.step} steps in {state.seconds / 60:.1f} min{shown}")
    for each in state.evaluations:
        if each["step"] == state.evaluations[-1]["step"]:
            solved = f"{each['successes']} of {each['episodes']} episodes on fresh starts solved"
            click.echo(f"{each['suite']}: {solved}{errors_of(each)}")
    click.echo(f"checkpoint: {out}")
