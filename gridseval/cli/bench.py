"""``gridseval bench``: how fast this machine is, side by side with the plain loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gridseval.cli.bench_process import drive_simulated, weigh_worker
from gridseval.cli.options import HELP, SEED, FilePath, Text, assets_option
from gridseval.errors import UsageError
from gridseval.os_errors import os_errors
from gridseval.output_files import check_outputs, destination, is_special

if TYPE_CHECKING:
    from tqdm import tqdm

_BUG = 1
_MAX_WORKERS = 1024


@click.command(name="bench", context_settings=HELP)
@click.option(
    "--suite",
    type=Text(),
    default="libero_spatial",
    show_default=True,
    metavar="NAME",
    help="Suite to run.",
)
@click.option(
    "--tasks",
    type=Text(),
    default="0",
    show_default=True,
    metavar="LIST",
    help="Tasks, such as 0,3-5.",
)
@click.option("--trials", default=3, show_default=True, metavar="N", help="Episodes per task.")
@click.option(
    "--steps", default=100, show_default=True, metavar="N", help="Policy steps per episode."
)
@click.option(
    "--workers",
    type=click.IntRange(max=_MAX_WORKERS),
    metavar="N",
    help="Worker processes at most  [default: one per core]",
)
@assets_option()
@click.option(
    "--json", "json_path", type=FilePath(), metavar="FILE", help="Also write the figures as JSON."
)
@click.option(
    "--seed",
    type=SEED,
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of simulator and actions.",
)
@click.option("--pruners", is_flag=True, help="Time the token pruners instead (seconds).")
@click.option(
    "--pruner",
    type=Text(),
    multiple=True,
    metavar="NAME",
    help="With --pruners: time only this pruner; repeatable.",
)
@click.option(
    "--host",
    type=click.Choice(["nano", "llama", "full"]),
    help="With --pruners: the model around them. nano (default); a small transformers Llama, "
    "dense and pruned in turns (a minute); or OpenVLA, OpenVLA-OFT and π0 at full size, which "
    "need a GPU of 24 GB (minutes).",
)
@click.option("--noise", is_flag=True, help="Time the sensor noises instead (seconds).")
@click.option("--plus", is_flag=True, help="Time perturbed tasks instead (a minute).")
@click.option("--images", is_flag=True, help="Time the policies' image chains instead.")
@click.option(
    "--scale",
    is_flag=True,
    help="Measure the driver with simulated workers instead: 256 and 100,000 records, unless "
    "--workers and --trials (per task, of ten) say otherwise.",
)
@click.option("--memory", is_flag=True, help="Show where a worker's memory goes instead.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    workers: int | None,
    json_path: Path | None,
    pruners: bool,
    pruner: tuple[str, ...],
    host: str | None,
    noise: bool,
    plus: bool,
    images: bool,
    scale: bool,
    memory: bool,
    **arguments: Any,
) -> None:
    """Measure speed against the plain LIBERO loop.

    Two loops run the same episodes in turns. The plain loop resets hard and
    draws images in every step, in one process. gridseval runs action chunks of
    1 and 8, in one worker and in all. Both play a fixed list of actions, so a
    policy takes no time. Exits with 1 if final simulator states differ in a bit.

    This takes about three minutes on two cores without a graphics card.
    --trials 1 takes a third of that.

    --plus runs 24 LIBERO-Plus tasks of one base task (--tasks) on one compiled
    model, 20 steps each unless you give --steps. It also compiles six of them
    anew. Then it runs fewer of them with images, and in the plain loop.
    """
    if pruners + noise + plus + images + scale + memory > 1:
        raise UsageError(
            "--pruners, --noise, --plus, --images, --scale and --memory exclude each other",
            "give one of them",
        )
    if pruner and not pruners:
        raise UsageError("--pruner says what --pruners times", "give --pruners, too")
    if host is not None and not pruners:
        raise UsageError("--host says where --pruners times them", "give --pruners, too")
    if host in ("llama", "full") and pruner:
        raise UsageError(f"--host {host} times given rows", "leave --pruner out")
    if json_path is not None:
        _check_writable(json_path)
    if host == "llama":
        _time_llama(json_path)
    elif host == "full":
        _time_full(json_path)
    elif pruners:
        _time_pruners(json_path, pruner)
    elif noise:
        _time_noises(json_path)
    elif images:
        _time_images(json_path)
    elif scale:
        given = _given(ctx, arguments, "trials")
        _keep(json_path, drive_simulated(workers, given.get("trials"), arguments["seed"]))
    elif memory:
        _keep(json_path, weigh_worker(arguments["suite"], arguments["assets"]))
    elif plus:
        given = _given(ctx, arguments, "suite", "tasks", "steps")
        same = {name: arguments[name] for name in ("assets", "seed")}
        if not _share_models(json_path, given | same):
            ctx.exit(_BUG)
    elif not _compare_loops(workers, json_path, arguments):
        ctx.exit(_BUG)


def _compare_loops(workers: int | None, json_path: Path | None, arguments: dict[str, Any]) -> bool:
    """Run both loops and show figures; return whether their final states are equal."""
    from tqdm import tqdm

    from gridseval.bench.figures import compute_figures
    from gridseval.bench.measure import measure, number_of_parts
    from gridseval.bench.plan import BenchPlan
    from gridseval.bench.tables import as_json, as_text
    from gridseval.envs.pool.resources import default_workers

    plan = BenchPlan(workers=default_workers() if workers is None else workers, **arguments)
    with tqdm(total=number_of_parts(plan), desc="bench", unit="part") as bar:

        def on_progress(done: str) -> None:
            bar.set_postfix_str(done, refresh=False)
            bar.update()

        measured = measure(plan, on_progress)
    figures = compute_figures(plan, measured)
    click.echo(as_text(plan, measured, figures))
    _keep(json_path, as_json(plan, measured, figures))
    return figures.bits_equal


def _time_pruners(json_path: Path | None, own: tuple[str, ...]) -> None:
    from tqdm import tqdm

    from gridseval.bench import nano, pruners
    from gridseval.tokens.pruners import usable_pruners

    usable, failed = usable_pruners()
    for reason in () if own else failed:
        click.echo(f"left out: {reason}", err=True)
    names = own or usable
    with tqdm(total=2 * len(names) + 1, desc="pruners", unit="part") as bar:
        bench = pruners.measure_pruners(names, on_progress=lambda _: _advance(bar))
        passes = nano.measure_nano(names, on_progress=lambda _: _advance(bar))
    click.echo(f"{pruners.as_text(bench)}\n\n{nano.nano_text(passes)}")
    _keep(json_path, pruners.as_json(bench) | {"nano": nano.nano_json(passes)})


def _time_llama(json_path: Path | None) -> None:
    from tqdm import tqdm

    from gridseval.bench.llama import ROWS, llama_json, llama_text, measure_llama

    with tqdm(total=len(ROWS), desc="llama", unit="row") as bar:
        times = measure_llama(on_progress=lambda _: _advance(bar))
    click.echo(llama_text(times))
    _keep(json_path, {"llama": llama_json(times)})


def _time_full(json_path: Path | None) -> None:
    from tqdm import tqdm

    from gridseval.bench.full import ROWS, full_json, full_text, measure_full

    with tqdm(total=sum(map(len, ROWS.values())), desc="full", unit="row") as bar:
        times = measure_full(on_progress=lambda _: _advance(bar))
    click.echo(full_text(times))
    _keep(json_path, {"full": full_json(times)})


def _time_noises(json_path: Path | None) -> None:
    from tqdm import tqdm

    from gridseval.bench.noise import measure_noises, noise_json, noise_text
    from gridseval.envs.perturbations.noise import NOISES

    with tqdm(total=NOISES, desc="noises", unit="noise") as bar:
        times = measure_noises(on_progress=lambda _: _advance(bar))
    click.echo(noise_text(times))
    _keep(json_path, noise_json(times))


def _time_images(json_path: Path | None) -> None:
    from gridseval.bench.images import images_json, images_text, measure_images

    times = measure_images()
    click.echo(images_text(times))
    _keep(json_path, images_json(times))


def _share_models(json_path: Path | None, given: dict[str, Any]) -> bool:
    """Run perturbed tasks on one model and anew; return whether final states are equal."""
    from tqdm import tqdm

    from gridseval.bench.plus import PlusPlan, measure_plus, number_of_parts
    from gridseval.bench.plus_text import plus_json, plus_text

    base = {"base": given.pop("tasks")} if "tasks" in given else {}
    plans = {
        "blind": PlusPlan(**base, **given),
        "images": PlusPlan(**base, **given, tasks=6, anew=2, images=True),
    }
    measured = {}
    with tqdm(total=sum(map(number_of_parts, plans.values())), desc="plus") as bar:
        for name, plan in plans.items():
            measured[name] = measure_plus(plan, lambda _: _advance(bar))
    click.echo("\n\n".join(plus_text(plan, measured[name]) for name, plan in plans.items()))
    content = {name: plus_json(plan, measured[name]) for name, plan in plans.items()}
    _keep(json_path, {"schema": 1, **content})
    return all(each.bits_equal for each in measured.values())


def _given(ctx: click.Context, arguments: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return those options that have no default value."""
    default = ParameterSource.DEFAULT
    return {name: arguments[name] for name in names if ctx.get_parameter_source(name) != default}


def _advance(bar: tqdm[Any]) -> None:
    bar.update()


def _check_writable(path: Path) -> None:
    """Find out before minutes of measuring, not after."""
    check_outputs(path)
    with os_errors(f"cannot write {path}"):
        if is_special(path):
            return
        target = destination(path)
        existed = target.exists()
        # Write a file to find out: os.access is wrong for file systems like /proc.
        target.open("a", encoding="utf8").close()
        if not existed:
            target.unlink()


def _keep(path: Path | None, content: dict[str, Any]) -> None:
    """Write figures as JSON, if that is asked for."""
    if path is not None:
        from gridseval.files import write_atomically

        write_atomically(path, json.dumps(content, indent=2) + "\n")
