"""Imports modules by name and Python files by path, and tells of packages that fail at import."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

from gridseval.errors import MachineError

_FOLDERS: set[Path] = set()
"""Folders of the files that were imported."""


def import_named(where: str, prefix: str) -> ModuleType:
    """Import a module, or a file whose name ends in ``.py``.

    A file may import others of its folder, as a script may, but only where it is imported itself,
    not later in a method: the folder is first on the path no longer than that, so that its names
    hide no others. Two files get each their own neighbours, also where these have equal names.

    Args:
        where: ``package.module`` or ``path/to/file.py``; the file exists.
        prefix: Starts the name that a file's module gets in ``sys.modules``.

    Raises:
        Exception: Any that the code raises; ``SystemExit`` too.
    """
    if where.endswith(".py"):
        return _import_file(Path(where), prefix)
    return importlib.import_module(where)


def classes_of(path: str) -> list[str]:
    """Return the names of the classes that a file defines; the file is read, not run."""
    try:
        body = ast.parse(Path(path).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    return [node.name for node in body if isinstance(node, ast.ClassDef)]


def import_fault(error: BaseException) -> MachineError | None:
    """Return what to tell of an error that a dependency raised while it was imported.

    Of any kind, and raised at any import in gridseval: the machine is at fault, not gridseval.

    Args:
        error: An error that was caught.

    Returns:
        ``None`` if it did not arise in an import of another package.
    """
    found = _failed_package(error)
    if found is None:
        return None
    package, file = found
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    # Such as opencv-python for cv2.
    (distribution, *_) = metadata.packages_distributions().get(package) or [package]
    return MachineError(
        f"the package {package!r} cannot be imported: {told}" + (f" ({file})" if file else ""),
        f"pip check; pip install --force-reinstall {distribution}; --debug shows where it is "
        "imported",
    )


def _failed_package(error: BaseException) -> tuple[str, str] | None:
    """Return the innermost package whose import failed, and the file in which it did."""
    own = __name__.partition(".")[0]
    passed = (own, "__main__", "", *sys.stdlib_module_names)
    found = None
    for frame, _ in walk_tb(error.__traceback__):
        top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if frame.f_code.co_name == "<module>" and top not in passed:
            found = top, frame.f_code.co_filename
    missing = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    return found or (None if missing in ("", own) else (missing, ""))


def _import_file(file: Path, prefix: str) -> ModuleType:
    # The path is part of the module's name, since two folders may each hold a policy.py.
    name = f"{prefix}_{file.stem}_{zlib.crc32(str(file.resolve()).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None  # always so for a name that ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up here
    try:
        with _on_path(file.resolve().parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit):
        del sys.modules[name]
        raise
    return module


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    entry = str(folder)
    theirs = _neighbours_elsewhere(folder)
    hidden = _taken_out(theirs)
    _FOLDERS.add(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        _taken_out(theirs)
        sys.modules.update(hidden)  # what was imported first keeps the name, for its pickles
        if entry in sys.path:  # the file may have changed the path itself
            sys.path.remove(entry)


def _neighbours_elsewhere(folder: Path) -> set[str]:
    """Return names in a folder under which the module of another file's folder is imported."""
    if not (others := _FOLDERS - {folder}):
        return set()
    return {
        name
        for name, module in list(sys.modules.items())
        if "." not in name
        and _folder_of(module) in others
        and ((folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file())
    }


def _folder_of(module: ModuleType) -> Path | None:
    """Return the folder that must be on the path to import a module."""
    if not isinstance(source := getattr(module, "__file__", None), str):
        return None
    file = Path(source)
    return file.parent.parent if file.name == "__init__.py" else file.parent


def _taken_out(names: set[str]) -> dict[str, ModuleType]:
    """Remove modules and those below them from the imported ones; return them."""
    found = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in found}
