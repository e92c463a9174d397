"""``gridseval assets``: LIBERO's meshes and textures: get, find and check them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gridseval.cli.options import HELP, FilePath, Text, tasks_option
from gridseval.errors import MachineError, OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gridseval.assets import Assets
    from gridseval.assets.inventory import AssetRoot
    from gridseval.assets.verification import Verification
    from gridseval.suites import Suite
    from gridseval.video.grid import Section

_MOST_FAULTS = 20


@click.group(name="assets", context_settings=HELP)
def command() -> None:
    """Get LIBERO's meshes and textures (assets), and list those on this machine.

    \b
    gridseval assets pull                     # 0.4 GB, into your cache
    gridseval assets list
    gridseval assets preview --suite libero_goal --against stand-ins
    """  # noqa: D301


@command.command(name="pull", context_settings=HELP)
@click.argument("name", default="libero", metavar="[libero|libero-plus]")
@click.option(
    "--to", type=FilePath(), metavar="DIR", help="Put the folder assets here  [default: cache]"
)
@click.option(
    "--revision", type=Text(), metavar="COMMIT", help="Pull another commit; runs call it custom."
)
@click.option("--again", is_flag=True, help="Pull again, and replace what is there.")
def pull_command(name: str, to: Path | None, revision: str | None, again: bool) -> None:
    """Download assets. Continues an interrupted download.

    HF_ENDPOINT names a mirror of the hub, HTTPS_PROXY a proxy.
    """
    from dataclasses import replace

    from gridseval.assets.hub import chosen_hub
    from gridseval.assets.identity import identify
    from gridseval.assets.layout import missing_folders, pulled_root
    from gridseval.assets.meter import shown_meter
    from gridseval.assets.pull import pull, work_bytes
    from gridseval.assets.sources import source_of

    source = source_of(name)
    if revision is not None:
        source = replace(source, revision=revision)
    root = pulled_root(name) if to is None else to.absolute() / "assets"
    if missing_folders(root) or again:
        hub = chosen_hub()
        if hub is None:
            raise MachineError("HF_HUB_OFFLINE is set", "unset it to use the hub")
        click.echo(f"{source.repository} from {hub.endpoint} to {root}", err=True)
        asked = hub.snapshot(source)
        with shown_meter(name, work_bytes(source, asked)) as meter:
            pull(source, hub, asked, root, meter, again)
    click.echo(f"{root}: {_shown(*identify(root))}")


@command.command(name="path", context_settings=HELP)
def path_command() -> None:
    """Print the folder that runs on this machine use. Downloads nothing."""
    click.echo(_used().root)


@command.command(name="verify", context_settings=HELP)
@click.argument("root", type=FilePath(), required=False)
def verify_command(root: Path | None) -> None:
    """Compare every file of ROOT with the published one.

    Without ROOT, it checks the assets in use. Exits with 3 if a file differs,
    or if there is nothing to compare with.
    """
    from gridseval.assets.roots import checked_assets
    from gridseval.assets.verification import verify

    folder = _used().root if root is None else checked_assets(root, "ROOT").root
    result = verify(folder)
    click.echo(f"{folder}: {_shown(*result.identity)}")
    if result.faults:
        raise MachineError(_different(result), "gridseval assets pull --again replaces them")
    if not result.against:
        raise MachineError(
            "there is nothing to compare these assets with",
            "verify them where the hub can be reached: HF_ENDPOINT names a mirror",
        )
    click.echo(f"equal to {result.against}")


@command.command(name="list", context_settings=HELP)
def list_command() -> None:
    """List the assets on this machine; * marks those that runs use."""
    from gridseval.assets.inventory import list_assets

    found = list_assets()
    for each in found:
        shown = _shown_root(each)
        click.echo(
            f"{'*' if each.used else ' '} {each.where:<17}{each.size_bytes / 1e6:>8.1f} MB"
            f"  {shown}\n    {each.root}"
        )
    if not any(each.used for each in found):
        click.echo("no assets of LIBERO here: a run pulls them, or else uses stand-ins")


@command.command(name="preview", context_settings=HELP)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    type=Text(),
    metavar="NAME",
    help="Suite to draw; repeatable.",
)
@tasks_option()
@click.option(
    "--assets",
    "first",
    type=Text(),
    metavar="DIR",
    help="Draw these assets  [default: those in use]",
)
@click.option(
    "--against", type=Text(), metavar="DIR", help="Draw these beside them; or: stand-ins."
)
@click.option(
    "--px",
    type=click.IntRange(32, 1024),
    default=192,
    show_default=True,
    metavar="N",
    help="Width of a picture.",
)
@click.option(
    "--out",
    type=FilePath(),
    default=Path("assets.png"),
    show_default=True,
    metavar="FILE",
    help="PNG or JPEG file to write.",
)
def preview_command(
    suites: tuple[str, ...],
    tasks: str | None,
    first: str | None,
    against: str | None,
    px: int,
    out: Path,
) -> None:
    """Draw the start of every task as one picture.

    --against draws a second set of assets beside the first.
    """
    from gridseval.output_files import check_outputs
    from gridseval.suites import load_suite, shipped_suites
    from gridseval.video.gallery_sheet import checked_suffix
    from gridseval.video.grid import write_grid

    check_outputs(out)
    if not checked_suffix(out).absolute().parent.is_dir():
        raise OutputError(f"cannot write {out}: its folder does not exist")
    chosen = suites or tuple(name for name in shipped_suites() if "plus" not in name)
    roots = [_used().root if first is None else _root_of(first, "--assets")]
    roots += [] if against is None else [_root_of(against, "--against")]
    drawn = _sections([load_suite(name) for name in chosen], tasks, roots, px)
    click.echo(write_grid(out, _title(roots), drawn))


def _sections(
    suites: Sequence[Suite], chosen: str | None, roots: Sequence[Path], px: int
) -> list[Section]:
    from tqdm import tqdm

    from gridseval.pictures.preview import initial_views
    from gridseval.suites import select_tasks
    from gridseval.video.grid import Cell, Section

    work = [(suite, select_tasks(suite, chosen)) for suite in suites]
    total = len(roots) * sum(len(tasks) for _, tasks in work)
    sections = []
    with tqdm(total=total, desc="preview", unit="task", disable=None) as bar:
        for suite, tasks in work:
            images: dict[int, list[NDArray[np.uint8]]] = {task.index: [] for task in tasks}
            for root in roots:
                for task, image in initial_views(root, suite.address, tasks, px):
                    images[task.index].append(image)
                    bar.update()
            cells = tuple(
                Cell(f"{task.index}  {task.instruction}", tuple(images[task.index]))
                for task in tasks
            )
            sections.append(Section(suite.title, cells))
    return sections


def _title(roots: Sequence[Path]) -> str:
    from gridseval.assets.identity import identify

    names = [_shown(*identify(root)) for root in roots]
    return names[0] if len(names) == 1 else f"left: {names[0]}    right: {names[1]}"


def _root_of(text: str, option: str) -> Path:
    from gridseval.assets.roots import build_standins, checked_assets

    return build_standins().root if text == "stand-ins" else checked_assets(text, option).root


def _used() -> Assets:
    from gridseval.assets.roots import build_standins, named_or_cached

    assets = named_or_cached() or build_standins()
    if assets.note is not None:
        click.echo(assets.note, err=True)
    return assets


def _shown_root(found: AssetRoot) -> str:
    if found.identity is not None:
        return _shown(found.identity, str(found.hash))
    what = "incomplete" if found.root.is_dir() else "no such folder"
    return f"{what}: runs end with an error" if found.used else what


def _shown(name: str, digest: str) -> str:
    return f"{name}, sha256 {digest[:12]}"


def _different(result: Verification) -> str:
    shown = "".join(f"\n  {line}" for line in result.faults[:_MOST_FAULTS])
    more = len(result.faults) - _MOST_FAULTS
    tail = f"\n  … {more} more" if more > 0 else ""
    return f"{len(result.faults)} files are not as in {result.against}:{shown}{tail}"
