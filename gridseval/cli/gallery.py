"""``gridseval gallery``: a contact sheet of perturbations."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gridseval.cli.options import (
    HELP,
    SEED,
    FilePath,
    Text,
    assets_option,
    file_stem,
    libero_plus_option,
)


@click.command(name="gallery", context_settings=HELP)
@click.option(
    "--suite",
    type=Text(),
    default="libero_plus_spatial",
    show_default=True,
    metavar="NAME",
    help="Any suite.",
)
@click.option(
    "--task", type=Text(), default="0", show_default=True, metavar="TASK", help="Base task."
)
@click.option(
    "--perturb",
    "kinds",
    multiple=True,
    type=Text(),
    metavar="KIND",
    help="For other suites: camera, …; repeatable  [default: all]",
)
@assets_option()
@libero_plus_option()
@click.option(
    "--seed",
    type=SEED,
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of the pictures.",
)
@click.option(
    "--out", type=FilePath(), metavar="FILE", help="PNG or JPEG file  [default: SUITE-gallery.png]"
)
def command(
    suite: str,
    task: str,
    kinds: tuple[str, ...],
    assets: str | None,
    libero_plus: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Draw perturbations as one contact sheet, beside the unperturbed task.

    A LIBERO-Plus suite gives one picture per dimension and level; a picture
    whose files are missing says so. Other suites give one picture per kind and
    strength of --perturb.

    \b
    gridseval gallery --suite libero_plus_goal --out sheet.jpg
    gridseval gallery --suite libero_10 --perturb camera --perturb light
    """  # noqa: D301
    from tqdm import tqdm

    from gridseval.output_files import check_outputs
    from gridseval.pictures.gallery import Gallery, make_sheet
    from gridseval.video.gallery_sheet import checked_suffix, write_sheet

    path = checked_suffix(out or Path(f"{file_stem(suite)}-gallery.png"))
    check_outputs(path)
    gallery = Gallery(suite, task, kinds, assets, libero_plus, seed)
    with tqdm(desc="gallery", unit="picture") as bar:

        def on_progress(done: str) -> None:
            bar.set_postfix_str(done, refresh=False)
            bar.update()

        sheet = make_sheet(gallery, on_progress, lambda note: bar.write(note, sys.stderr))
    click.echo(write_sheet(sheet, path))
