"""Pictures of perturbations: each dimension and level of LIBERO-Plus, or each kind and strength."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from gridseval.assets import find_assets
from gridseval.envs.arrangement import with_distractors
from gridseval.envs.config import DEFAULT_SEED
from gridseval.envs.perturbations import NOTHING
from gridseval.envs.perturbations.kinds import PERTURBATIONS, STRENGTHS, find_kind
from gridseval.envs.perturbations.plan import parse_plan
from gridseval.envs.plus import find_plus, task_perturbation
from gridseval.envs.task_files import TaskFiles
from gridseval.errors import UsageError
from gridseval.moved import current_perturbation, renaming_note
from gridseval.pictures.studio import Studio
from gridseval.suites import (
    Episode,
    PlusFolder,
    Suite,
    Task,
    Variant,
    instruct,
    load_suite,
    missing,
)
from gridseval.suites.variant import DIMENSIONS
from gridseval.video.gallery_sheet import GalleryCell, GallerySheet

Told: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Gallery:
    """What to show.

    Attributes:
        suite: Name of a suite.
        task: The task to perturb, by index or name; of LIBERO-Plus one of the base suite.
        kinds: Kinds of perturbation, for suites other than LIBERO-Plus; default: all.
        assets: Folder of LIBERO's assets, or ``None`` to look for it.
        libero_plus: Folder of LIBERO-Plus's data, or ``None`` to look for it.
        seed: LIBERO's, and that of the draws; the default protocol's unless another is given.
    """

    suite: str
    task: str = "0"
    kinds: tuple[str, ...] = ()
    assets: str | None = None
    libero_plus: str | None = None
    seed: int = DEFAULT_SEED


def make_sheet(
    gallery: Gallery, on_progress: Told = lambda _: None, on_note: Told = lambda _: None
) -> GallerySheet:
    """Draw every cell.

    Args:
        gallery: What to show.
        on_progress: Called with the name of each cell that is done.
        on_note: Called with a note on a kind that is left out or renamed.

    Returns:
        The sheet; a cell without its files says what is missing.

    Raises:
        UsageError: Suite, task or kind do not exist.
        MachineError: Assets or OpenGL are missing.
    """
    suite = load_suite(gallery.suite)
    if suite.tasks[0].variant is not None:
        if gallery.kinds:
            base = suite.tasks[0].variant.suite
            raise UsageError(
                f"{suite.name} has its own perturbations", f"give kinds with --suite {base}"
            )
        return _plus_sheet(gallery, suite, on_progress)
    return _kinds_sheet(gallery, suite, on_progress, on_note)


def _kinds_shown(gallery: Gallery) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the kinds to draw, and what the user should know of them."""
    if not gallery.kinds:
        loaded, failed = PERTURBATIONS.load_all()
        return tuple(loaded), tuple(f"left out: {error}" for error in failed.values())
    for kind in gallery.kinds:
        name, colon, _ = kind.partition(":")
        if colon:
            raise UsageError(
                f"the gallery draws a kind at every strength, so it takes no {kind!r}",
                f"name the kind alone: {name}",
            )
        find_kind(kind)
    notes = [note for kind in gallery.kinds if (note := renaming_note(kind))]
    return tuple(map(current_perturbation, gallery.kinds)), tuple(notes)


def _kinds_sheet(gallery: Gallery, suite: Suite, on_progress: Told, on_note: Told) -> GallerySheet:
    kinds, left_out = _kinds_shown(gallery)
    for reason in left_out:
        on_note(reason)
    task = suite.task(_key(gallery.task))
    of_task = suite.name, task.index
    episode = Episode(*of_task, 0)
    files = TaskFiles.of_task(task, find_assets(gallery.assets).root, PlusFolder(None))
    rows = []
    with Studio() as studio:
        settled = gallery.seed, suite.settle_steps
        before = studio.picture(files, NOTHING, episode, *settled)
        for kind in kinds:
            cells = []
            for strength in range(1, STRENGTHS + 1):
                plan = parse_plan([f"{kind}:{strength}"])
                draw = plan.draw(gallery.seed, *of_task, 0)
                more = with_distractors(files, draw.perturbation.objects, gallery.seed, *of_task)
                after = studio.picture(more, draw.perturbation, episode, *settled)
                drawn = {name: draw.record[kind][name] for name in draw.record[kind]}
                drawn.pop("strength")
                words = ", ".join(f"{name} {value}" for name, value in drawn.items())
                if draw.perturbation.noise is not None:
                    words = f"noise {draw.perturbation.noise}"
                cells.append(GalleryCell(before, after, words))
                on_progress(f"{kind}:{strength}")
            rows.append((kind, tuple(cells)))
    columns = tuple(f"strength {strength}" for strength in range(1, STRENGTHS + 1))
    return GallerySheet(f"{suite.title}: {task.instruction}", columns, tuple(rows))


def _plus_sheet(gallery: Gallery, suite: Suite, on_progress: Told) -> GallerySheet:
    levels = sorted({_variant(task).level for task in suite.tasks}, key=lambda level: level or 99)
    shooting = _PlusShooting(gallery, suite)
    with Studio() as studio:
        rows = []
        for dimension in DIMENSIONS:
            cells = []
            for level in levels:
                cells.append(shooting.cell(studio, dimension, level))
                on_progress(f"{dimension}, level {level}")
            rows.append((dimension, tuple(cells)))
    columns = tuple("no level" if level is None else f"level {level}" for level in levels)
    return GallerySheet(f"{suite.title}: base task beside perturbed", columns, tuple(rows))


class _PlusShooting:
    """Finds a task for each cell and takes its pictures."""

    def __init__(self, gallery: Gallery, suite: Suite) -> None:
        self._seed = gallery.seed
        self._assets = find_assets(gallery.assets).root
        self._folder = find_plus(gallery.libero_plus)
        self._suite = instruct(suite, self._folder, "base")
        self._base = load_suite(_variant(suite.tasks[0]).suite)
        self._preferred = self._base.task(_key(gallery.task)).name

    def cell(self, studio: Studio, dimension: str, level: int | None) -> GalleryCell:
        tasks = [
            task
            for task in self._suite.tasks
            if (_variant(task).dimension, _variant(task).level) == (dimension, level)
        ]
        if not tasks:
            return GalleryCell(text="no task")
        available = list(self._available(tasks))
        if not available:
            lack = missing(tasks[0], self._folder)
            assert lack is not None
            return GalleryCell(
                text=f"all {len(tasks)} tasks unavailable: {Path(lack.what).name} missing "
                f"({lack.where})"
            )
        # One base task wherever there is a choice: its compiled model serves many cells.
        task = min(available, key=lambda each: _variant(each).base != self._preferred)
        return self._shoot(studio, task)

    def _available(self, tasks: Sequence[Task]) -> Iterator[Task]:
        return (task for task in tasks if missing(task, self._folder) is None)

    def _shoot(self, studio: Studio, task: Task) -> GalleryCell:
        variant = _variant(task)
        base = self._base.task(variant.base)
        settled = self._seed, self._suite.settle_steps
        before = studio.picture(
            TaskFiles.of(base.suite, base.name, self._assets),
            NOTHING,
            Episode(base.suite, base.index, 0),
            *settled,
        )
        caption = f"{variant.kind} {' '.join(map(str, variant.parameters))}"
        if variant.dimension == "language":
            return GalleryCell(before, None, caption, task.instruction)
        after = studio.picture(
            TaskFiles.of_task(task, self._assets, self._folder),
            task_perturbation(task, self._folder),
            Episode(task.suite, task.index, 0),
            *settled,
        )
        return GalleryCell(before, after, caption)


def _variant(task: Task) -> Variant:
    assert task.variant is not None
    return task.variant


def _key(text: str) -> int | str:
    return int(text) if text.isdecimal() else text
