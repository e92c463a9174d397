"""The files that a compiled task is made of: what distinguishes it from every other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from gridseval.envs.libero_package import package_root
from gridseval.envs.suite_code import check_trusted
from gridseval.suites import PlusFolder, Task, Variant, background_of

_FLOOR, _WALL = "texplane", "tex-wall"
"""Names of two textures in every arena of LIBERO's."""


@dataclass(frozen=True)
class TaskFiles:
    """The files that define a task's compiled model.

    Attributes:
        bddl: The problem file.
        init_states: The stored initial states; ``None`` if there are only fresh starts.
        assets: The root of LIBERO's assets.
        arena: The arena's XML file, or ``None`` for LIBERO's.
        textures: Names of textures in the arena, each with the file that replaces LIBERO's.
        added: Kinds of objects that LIBERO does not know, each with its XML file.
        roots: Folders beside ``assets`` whose files the model may read.
        code: A Python file that the user trusts, which registers objects and problems.
        distractors: Kinds of LIBERO's objects that are added to those of the problem.
    """

    bddl: Path
    init_states: Path | None
    assets: Path
    arena: Path | None = None
    textures: tuple[tuple[str, Path], ...] = ()
    added: tuple[tuple[str, Path], ...] = ()
    roots: tuple[Path, ...] = ()
    code: Path | None = None
    distractors: tuple[str, ...] = ()

    @classmethod
    def of(cls, suite: str, task_name: str, assets: Path) -> TaskFiles:
        """Return a task's files, as the ``libero`` package ships them."""
        root = package_root()
        return cls(
            bddl=root / "bddl_files" / suite / f"{task_name}.bddl",
            init_states=root / "init_files" / suite / f"{task_name}.pruned_init",
            assets=assets,
        )

    @classmethod
    def of_task(
        cls, task: Task, assets: Path, folder: PlusFolder, trusted: bool = False
    ) -> TaskFiles:
        """Return the files of any task.

        Tasks of LIBERO-Plus that differ in camera, arm, light, noise or instruction have those of
        their base task, and so share its compiled model.

        Args:
            task: Of any suite; one of LIBERO-Plus must be available.
            assets: The root of LIBERO's assets.
            folder: LIBERO-Plus's files.
            trusted: Whether code of the suite may run.

        Raises:
            UsageError: The suite has code, and it is not trusted.
        """
        variant = task.variant
        if variant is None and task.files is not None:
            known = cls.of(task.folder, task.name, assets).bddl
            check_trusted(task.files.code, trusted)
            own = (task.files.bddl or known, task.files.init_states, assets)
            return cls(*own, code=task.files.code)
        if variant is None:
            return cls.of(task.folder or task.suite, task.name, assets)
        files = cls.of(variant.suite, variant.base, assets)
        if variant.dimension == "layout":
            return _laid_out(files, variant, folder)
        if variant.dimension == "background":
            return _decorated(files, variant, folder)
        return files


def _laid_out(files: TaskFiles, variant: Variant, folder: PlusFolder) -> TaskFiles:
    kinds = folder.added_kinds(variant) if variant.kind == "add" else ()
    paths = ((kind, folder.object_file(kind)) for kind in kinds)
    return replace(
        files,
        bddl=folder.bddl(variant),
        init_states=folder.init_states(variant),
        added=tuple((kind, path) for kind, path in paths if path is not None),
        roots=_roots(folder),
    )


def _decorated(files: TaskFiles, variant: Variant, folder: PlusFolder) -> TaskFiles:
    background = background_of(variant, folder)
    pairs = ((_FLOOR, background.floor), (_WALL, background.wall))
    textures = tuple((name, files.assets / path) for name, path in pairs if path is not None)
    return replace(files, arena=background.scene, textures=textures, roots=_roots(folder))


def _roots(folder: PlusFolder) -> tuple[Path, ...]:
    return () if folder.assets is None else (folder.assets,)
