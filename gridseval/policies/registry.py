"""Names of policies and the classes behind them, imported on first use.

A name is a line of text ``"module:Class"`` until somebody asks for it, so that listing policies, or
a plug-in that nobody uses, costs no import. Plug-ins are packages with entry points in the group
``gridseval.policies``; they are read only when a name is not registered, and a broken one disturbs
nobody who does not name it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from gridseval.errors import PolicyError, did_you_mean
from gridseval.policies.kinds import KINDS


class Registry:
    """Maps names to ``"module:Class"``; whatever has a colon needs no registering.

    Args:
        group: The entry-point group in which packages announce their classes.
        built_in: Name to ``"module:Class"``.
        methods: What a class must have to be of this kind.
    """

    def __init__(self, group: str, built_in: Mapping[str, str], methods: tuple[str, ...]) -> None:
        self._group = group
        self._targets = dict(built_in)
        self._built_in = frozenset(built_in)
        self._methods = methods

    def register(self, name: str, entry_point: str) -> None:
        """Give ``entry_point`` (``"module:Class"``) a name; nothing is imported.

        Raises:
            PolicyError: The name belongs to another class, or one of the two is malformed.
        """
        if not name or ":" in name or not all(entry_point.partition(":")):
            raise PolicyError(f"cannot register {name!r} for {entry_point!r}", _FORM)
        owner = self._targets.setdefault(name, entry_point)
        if owner != entry_point:
            raise PolicyError(
                f"policy name {name!r} already belongs to {owner}", "register another name"
            )

    def names(self) -> tuple[str, ...]:
        """Return all names in alphabetical order, those of plug-ins too; imports none of them."""
        plug_ins = {point.name for point in entry_points(group=self._group)}
        return tuple(sorted(plug_ins | set(self._targets)))

    def target(self, name: str) -> str:
        """Return the ``"module:Class"`` that a name stands for (which may be one already).

        Raises:
            PolicyError: Nobody owns the name, two packages claim it, or it is a file without a
                class.
        """
        if ":" in name:
            return name
        if name.endswith(".py"):
            _check_file(name)
            raise PolicyError(f"policy {name!r} names no class", _name_class(name))
        return self._targets.get(name) or self._find_plug_in(name).value

    def origin(self, name: str) -> str:
        """Return where a name comes from: gridseval, a package with its version, or a program.

        Raises:
            PolicyError: As :meth:`target` does.
        """
        if name in self._targets:
            return "gridseval" if name in self._built_in else "registered by a program"
        package = self._find_plug_in(name).dist
        return "a package" if package is None else f"{package.name} {package.version}"

    def load(self, name: str) -> type[Any]:
        """Import and return the class of a name, ``module:Class`` or ``path/to/file.py:Class``.

        A file may import others of its folder, as a script may, but only where it is imported
        itself, not later in a method: the folder is first on the path no longer than that, so that
        its names hide nobody else's.

        Raises:
            PolicyError: The name is unknown, the import fails (with its reason), or the class lacks
                a method.
        """
        target = self.target(name)
        where, _, class_name = target.rpartition(":")
        module = _import_file(where) if where.endswith(".py") else _import_module(where, name)
        loaded = getattr(module, class_name, None)
        if not isinstance(loaded, type):
            own = (value for value in vars(module).values() if isinstance(value, type))
            classes = [value.__name__ for value in own if value.__module__ == module.__name__]
            raise PolicyError(
                f"{where} has no class {class_name!r}", did_you_mean(class_name, classes)
            )
        missing = [
            method for method in self._methods if not callable(getattr(loaded, method, None))
        ]
        if missing:
            raise PolicyError(
                f"{target} has no method {missing[0]}()",
                f"a policy has {' and '.join(self._methods)}",
            )
        return loaded

    def _find_plug_in(self, name: str) -> EntryPoint:
        found = list(entry_points(group=self._group, name=name))
        owners = sorted({point.value for point in found})
        if len(owners) > 1:
            raise PolicyError(
                f"policy name {name!r} is claimed by {' and '.join(owners)}",
                "uninstall one of the packages, or give module:Class",
            )
        if not found:
            raise PolicyError(f"unknown policy {name!r}", did_you_mean(name, self.names()))
        return found[0]


def _name_class(path: str) -> str:
    """Return what to write instead of a file's bare name; the file is read, not run."""
    try:
        body = ast.parse(Path(path).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        body = []
    classes = [node.name for node in body if isinstance(node, ast.ClassDef)]
    return "write " + " or ".join(f"{path}:{name}" for name in classes or ["Class"])


_FORM = 'a name without a colon, and "module:Class"'


def _import_module(module_name: str, policy_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise PolicyError(
            f"cannot import {module_name!r} for policy {policy_name!r}: "
            f"{type(error).__name__}: {error}",
            "is it installed in this environment? A file is named by its path: dir/file.py:Class",
        ) from error


def _import_file(path: str) -> ModuleType:
    file = _check_file(path)
    # The path is part of the module's name, since two folders may each hold a policy.py.
    name = f"gridseval_policy_{file.stem}_{zlib.crc32(str(file.resolve()).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None  # always so for a name that ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up here
    try:
        with _on_path(file.resolve().parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PolicyError(f"cannot load {path}: {type(error).__name__}: {error}") from error
    return module


def _check_file(path: str) -> Path:
    file = Path(path)
    if not file.is_file():
        raise PolicyError(f"policy file {path} does not exist")
    return file


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    entry = str(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:  # the file may have changed the path itself
            sys.path.remove(entry)


# The one registry of the process, like Gymnasium's: without it `register` in a plug-in could not be
# seen here.
POLICIES = Registry(
    "gridseval.policies",
    {kind.name: kind.entry_point for kind in KINDS},
    methods=("reset", "act"),
)


def register(name: str, entry_point: str) -> None:
    """Give a policy class (``"module:Class"``) a name for ``--policy``; nothing is imported.

    Raises:
        PolicyError: The name belongs to another class.
    """
    POLICIES.register(name, entry_point)


def list_policies() -> tuple[str, ...]:
    """Return the names that ``--policy`` knows, those of installed plug-ins included."""
    return POLICIES.names()
