"""Names of extensions and the objects behind them, imported on first use.

Policies, pruners, perturbations and suites each have one registry. A name stands for a line of text
``"module:Object"`` until the object is asked for: to list names costs no import. Plug-ins are
packages with entry points in the registry's group. They are read only for a name that gridseval
does not have itself, and a broken one fails only where it is named.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from gridseval.errors import GridsevalError, MachineError, UsageError, did_you_mean
from gridseval.importing import classes_of, import_fault, import_named

T = TypeVar("T")

_FORM = 'a name without a colon, and "module:Class"'


@dataclass(frozen=True)
class Interface:
    """What the objects of a registry must be.

    Args:
        noun: What one is called in errors, such as ``"policy"``.
        methods: What it must have.
        subclass_of: ``"module:Class"``, its base class, imported with the first
            object.
        instance_of: ``"module:Class"``, its class; without it, objects are
            classes.
        by_path: Whether one can also be named by ``module:Object`` or ``path/to/file.py:Object``.
        error: What is raised for a name that is unknown or does not fit.
    """

    noun: str
    methods: tuple[str, ...] = ()
    subclass_of: str | None = None
    instance_of: str | None = None
    by_path: bool = True
    error: type[GridsevalError] = UsageError

    @property
    def form(self) -> str:
        """What an object is, in one word."""
        return "class" if self.instance_of is None else "object"

    def check(self, target: str, loaded: Any) -> None:
        """Refuse an object that does not fit.

        Raises:
            GridsevalError: It lacks a method or has another type.
        """
        missing = [name for name in self.methods if not callable(getattr(loaded, name, None))]
        if missing:
            raise self.error(
                f"{target} has no method {missing[0]}()",
                f"a {self.noun} has {' and '.join(self.methods)}",
            )
        self._check_type(target, loaded)
        if abstract := sorted(getattr(loaded, "__abstractmethods__", ())):
            raise self.error(
                f"{target} has no method {abstract[0]}()",
                f"{self.subclass_of or target} has it as an abstract one, for each class to define",
            )

    def _check_type(self, target: str, loaded: Any) -> None:
        base = self.subclass_of or self.instance_of
        if base is None:
            return
        module, _, name = base.partition(":")
        required = getattr(import_module(module), name)
        fits = issubclass(loaded, required) if self.subclass_of else isinstance(loaded, required)
        if not fits:
            relation = "a subclass" if self.subclass_of else "an instance"
            raise self.error(
                f"{target} is not a {self.noun}",
                f"a {self.noun} is {relation} of {base.replace(':', '.')}",
            )


class Registry(Generic[T]):
    """Maps names to ``"module:Object"``; a name with a colon needs no registration.

    Args:
        group: The entry-point group in which packages announce their objects.
        built_in: Name to ``"module:Object"``.
        interface: What the objects must be.
    """

    def __init__(self, group: str, built_in: Mapping[str, str], interface: Interface) -> None:
        self.group = group
        self.interface = interface
        self._targets = dict(built_in)
        self._built_in = frozenset(built_in)
        self._plug_ins: dict[tuple[str, tuple[str, ...]], EntryPoint] = {}

    def register(self, name: str, target: str) -> None:
        """Give ``target`` (``"module:Object"``) a name; nothing is imported.

        Raises:
            GridsevalError: The name belongs to another object, or one of the two is malformed.
        """
        if not name or ":" in name or not all(target.partition(":")):
            raise self.interface.error(f"cannot register {name!r} for {target!r}", _FORM)
        owner = self._targets.setdefault(name, target)
        if owner != target:
            raise self.interface.error(
                f"{self.interface.noun} name {name!r} already belongs to {owner}",
                "register another name",
            )

    def names(self) -> tuple[str, ...]:
        """Return all names in alphabetical order, those of plug-ins too, without importing them."""
        return tuple(sorted(self.listed()))

    def listed(self) -> tuple[str, ...]:
        """Return all names as their table has them, then those of plug-ins; imports none."""
        plug_ins = {point.name for point in entry_points(group=self.group)}
        return (*self._targets, *sorted(plug_ins - set(self._targets)))

    def target(self, name: str) -> str:
        """Return the ``"module:Object"`` that a name stands for (which may be one already).

        Raises:
            GridsevalError: The name is unknown (with the nearest), two packages claim it, or it is
                a file without a class.
        """
        if not self.interface.by_path and (":" in name or name.endswith(".py")):
            raise self.interface.error(
                f"{name!r} is not the name of a {self.interface.noun}",
                f"{did_you_mean(name.partition(':')[0], self.names())}; one of your own gets its "
                f"name from an entry point in the group {self.group}",
            )
        if ":" in name:
            return name
        if name.endswith(".py"):
            self._check_file(name)
            forms = (f"{name}:{found}" for found in classes_of(name) or ["Class"])
            raise self.interface.error(
                f"{self.interface.noun} {name!r} names no class", "write " + " or ".join(forms)
            )
        return self._targets.get(name) or self._find_plug_in(name).value

    def origin(self, name: str) -> str:
        """Return where a name comes from: gridseval, a package with its version, or a program.

        Raises:
            GridsevalError: As :meth:`target` does.
        """
        if name in self._targets:
            return "gridseval" if name in self._built_in else "registered by a program"
        package = self._find_plug_in(name).dist
        return "a package" if package is None else f"{package.name} {package.version}"

    def load(self, name: str) -> T:
        """Import and return the object of a name, ``module:Object`` or ``path/to/file.py:Object``.

        Raises:
            GridsevalError: The name is unknown, the import fails (with its reason), or the object
                does not fit the interface.
        """
        target = self.target(name)
        where, _, attribute = target.rpartition(":")
        module = self._import(where, name)
        loaded = getattr(module, attribute, None)
        classes = self.interface.form == "class"
        if loaded is None or (classes and not isinstance(loaded, type)):
            own = (value for value in vars(module).values() if isinstance(value, type))
            names = [value.__name__ for value in own if value.__module__ == module.__name__]
            raise self.interface.error(
                f"{where} has no {self.interface.form} {attribute!r}",
                did_you_mean(attribute, names if classes else list(vars(module))),
            )
        self.interface.check(target, loaded)
        found: T = loaded
        return found

    def load_all(self) -> tuple[dict[str, T], dict[str, GridsevalError]]:
        """Import all names; return the objects, and the errors of those that cannot be loaded."""
        loaded: dict[str, T] = {}
        failed: dict[str, GridsevalError] = {}
        for name in self.listed():
            try:
                loaded[name] = self.load(name)
            except GridsevalError as error:  # noqa: PERF203 - one broken plug-in, not all
                failed[name] = error
        return loaded, failed

    def _find_plug_in(self, name: str) -> EntryPoint:
        # A scan of all packages takes 17 ms; what it finds depends on the path.
        key = (name, tuple(sys.path))
        if key not in self._plug_ins:
            self._plug_ins[key] = self._scan(name)
        return self._plug_ins[key]

    def _scan(self, name: str) -> EntryPoint:
        found = list(entry_points(group=self.group, name=name))
        owners = sorted({point.value for point in found})
        noun = self.interface.noun
        if len(owners) > 1:
            raise self.interface.error(
                f"{noun} name {name!r} is claimed by {' and '.join(owners)}",
                "uninstall one of the packages, or give module:Class",
            )
        if not found:
            raise self.interface.error(f"unknown {noun} {name!r}", did_you_mean(name, self.names()))
        return found[0]

    def _import(self, where: str, name: str) -> Any:
        noun, prefix = self.interface.noun, f"gridseval_{self.interface.noun}"
        if where.endswith(".py"):
            self._check_file(where)
        try:
            return import_named(where, prefix)
        except (Exception, SystemExit) as error:
            if where.startswith("gridseval.") and (fault := _fault_below(error)) is not None:
                raise fault from error
            reason = f"{type(error).__name__}: {error}"
            if where.endswith(".py"):
                raise self.interface.error(f"cannot load {where}: {reason}") from error
            raise self.interface.error(
                f"cannot import {where!r} for {noun} {name!r}: {reason}",
                "is it installed in this environment? "
                "A file is named by its path: dir/file.py:Class",
            ) from error

    def _check_file(self, path: str) -> None:
        if not Path(path).is_file():
            raise self.interface.error(f"{self.interface.noun} file {path} does not exist")


def _fault_below(error: BaseException) -> MachineError | None:
    """Return what to tell of a package of ours that is broken; one that is missing is optional."""
    return None if isinstance(error, ModuleNotFoundError) else import_fault(error)
