"""Suites by name or place: shipped ones, those of plug-ins, and custom ones.

A shipped suite is a YAML file in ``suites/``; nothing else lists them. A package adds one by an
entry point in the group ``gridseval.suites``, and a path leads to a custom one.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gridseval.config import load_yaml
from gridseval.data import data_dir
from gridseval.demonstrations import demonstration_files
from gridseval.errors import UsageError, did_you_mean
from gridseval.named_files import read_named
from gridseval.registry import Interface, Registry
from gridseval.suites.demonstration_suite import demonstration_suite
from gridseval.suites.folder import bddl_folder, folder_suite
from gridseval.suites.own import (
    SUITE_FILE,
    FilesKey,
    check_names,
    checked_size,
    is_path,
    own_files,
    suite_file,
)
from gridseval.suites.suite import OwnFiles, Suite, Task, instruction_of
from gridseval.suites.variant_text import read_variants

GROUP = "gridseval.suites"
"""The entry-point group: a suite's name, and the package or ``package:folder`` that holds it."""


def shipped_suites() -> tuple[str, ...]:
    """Return the names of the suites that ship with gridseval, sorted."""
    return tuple(sorted(path.stem for path in data_dir("suites").glob("*.yaml")))


def list_suites() -> tuple[str, ...]:
    """Return the names of all suites, those of installed plug-ins included, sorted."""
    return _registry().names()


_OTHER_NAMES = {
    "libero_long": "libero_10",
    "long": "libero_10",
    "libero_plus_long": "libero_plus_10",
}
"""What papers call suites, and the names that LIBERO's code and gridseval have for them."""


def _nearest(name: str) -> str:
    """Return which suite a wrong name may mean."""
    known = _OTHER_NAMES.get(name.lower().replace("-", "_"))
    return f"{name} is called {known}" if known else did_you_mean(name, list_suites())


def load_suite(name: str | Path) -> Suite:
    """Read a suite.

    Args:
        name: A name of :func:`list_suites`, or the path of a custom suite: a folder with a
            ``suite.yaml``, BDDL files or demonstrations (HDF5), or such a file. A text is a path if
            it has a slash or ends with ``.yaml`` or ``.hdf5``; a :class:`~pathlib.Path` always is.

    Raises:
        UsageError: There is no such suite (names the nearest), its file is broken, or a file of a
            task is missing.
    """
    if isinstance(name, Path) or is_path(name):
        path = Path(name)
        if path.is_dir() and not (path / SUITE_FILE).is_file() and bddl_folder(path) is not None:
            return folder_suite(path, _base)
        if demonstration_files(path) and (path.is_file() or not (path / SUITE_FILE).is_file()):
            return demonstration_suite(path)
        return _own_suite(suite_file(path, _nearest(str(name))))
    # Shipped ones first: to look for plug-ins takes a tenth of a second.
    if name in shipped_suites():
        return read_suite(data_dir("suites") / f"{name}.yaml")
    if name not in list_suites():
        found = (Path(name) / SUITE_FILE).is_file()
        hint = f"write ./{name}" if found else _nearest(name)
        raise UsageError(f"there is no suite {name!r}", hint)
    suite = _own_suite(_plug_in_file(name))
    if suite.name != name:
        raise UsageError(
            f"{suite.file}: name: expected {name!r}, the plug-in's, got {suite.name!r}"
        )
    return suite


def read_suite(path: Path) -> Suite:
    """Read a suite of gridseval's from its YAML file.

    Raises:
        UsageError: The file cannot be read or does not describe a suite named like the file.
    """
    stored = read_named(path, _SuiteFile)
    if stored.files.bddl or stored.files.init_states:
        raise UsageError(f"{path}: files: expected libero, a folder of LIBERO's own")
    return _suite(path, stored, {}, None)


def _own_suite(file: Path) -> Suite:
    stored = load_yaml(file, _SuiteFile)
    if file.name != SUITE_FILE and stored.name != file.stem:
        read_named(file, _SuiteFile)  # says so
    if stored.name in shipped_suites():
        raise UsageError(
            f"{file}: {stored.name!r} is a suite that ships with gridseval",
            "give yours another name",
        )
    try:
        check_names(stored.name, stored.tasks)
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error
    of_libero = stored.files.libero is not None or stored.base is not None
    stores = stored.starts == "stored"
    given = (file, stored.name, stored.tasks, stored.files, stores, stored.code)
    files = {} if of_libero else own_files(*given)
    return _suite(file, stored, files, file)


def _suite(path: Path, stored: _SuiteFile, files: dict[str, OwnFiles], own: Path | None) -> Suite:
    try:
        return Suite(
            name=stored.name,
            title=stored.title,
            tasks=stored.listed_tasks(files),
            max_steps=stored.max_steps,
            settle_steps=stored.settle_steps,
            trials=stored.trials,
            cameras=stored.cameras,
            file=own,
        )
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


def _base(name: str) -> Suite | None:
    """Return a suite that a folder may be a perturbation of; ``None`` if there is none."""
    known = name in shipped_suites() and not name.startswith("libero_plus")
    return load_suite(name) if known else None


@functools.cache
def _registry() -> Registry[Suite]:
    shipped = {name: str(data_dir("suites") / f"{name}.yaml") for name in shipped_suites()}
    return Registry(GROUP, shipped, Interface("suite"))


def _plug_in_file(name: str) -> Path:
    """Return the YAML of a plug-in's suite; its package is found, but not imported."""
    package, _, inside = _registry().target(name).partition(":")
    # To find package.folder as a module, Python would import the package.
    top, *folders = [*package.split("."), *filter(None, inside.split("."))]
    try:
        spec = importlib.util.find_spec(top)
    except Exception as error:  # a broken installation may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"suite {name!r}: cannot find {package!r}: {reason}") from error
    places = None if spec is None else spec.submodule_search_locations
    if not places:
        raise UsageError(f"suite {name!r}: its plug-in names {package!r}, which is not a package")
    files = [Path(place, *folders, SUITE_FILE) for place in places]
    file = next(filter(Path.is_file, files), files[0])
    if not file.is_file():
        raise UsageError(f"suite {name!r}: its plug-in has no {file}")
    return checked_size(file)


@dataclass(frozen=True)
class _SuiteFile:
    """The keys of a suite's YAML file.

    Tasks are numbered by their order: they are named under ``tasks``, or they change those of the
    suite ``base`` as ``variants`` says.
    """

    name: str
    title: str
    max_steps: int
    settle_steps: int
    trials: int
    cameras: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    base: str | None = None
    variants: str = ""
    starts: Literal["stored", "fresh"] = "stored"
    code: str | None = None
    files: FilesKey = field(default_factory=FilesKey)

    def listed_tasks(self, files: dict[str, OwnFiles]) -> tuple[Task, ...]:
        """Return the suite's tasks.

        Args:
            files: Files of each task, unless they are LIBERO's.

        Raises:
            ValueError: The variants cannot be read, or there are tasks of both sorts.
            UsageError: There is no such base suite.
        """
        if self.base is None:
            if self.variants:
                raise ValueError("variants need the name of their base suite")
            folder = self.files.libero or ""
            return tuple(
                Task(self.name, i, name, instruction_of(name), None, folder, files.get(name))
                for i, name in enumerate(self.tasks)
            )
        if self.tasks or self.files != FilesKey():
            raise ValueError("tasks of a suite with a base are listed under variants")
        if self.base not in shipped_suites():
            hint = did_you_mean(self.base, shipped_suites())
            raise UsageError(f"there is no suite {self.base!r} to be the base", hint)
        tasks = load_suite(self.base).tasks
        if tasks[0].variant is not None:
            raise ValueError(f"base: {self.base} has variants itself; give its own base")
        told = {task.name: task.instruction for task in tasks}
        # Variants have the files of their base tasks, so they are named by the folder of those.
        variants = read_variants(self.variants, tasks[0].folder or self.base, list(told))
        return tuple(
            Task(self.name, index, variant.name, told[variant.base], variant)
            for index, variant in enumerate(variants)
        )
