"""YAML files that are found by name: cards, protocols, models, suites.

Each says its own name, which is its file's: a copy whose name was not changed would stand in a
run's record as what it was copied from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gridseval.config import load_yaml
from gridseval.data import data_dir
from gridseval.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True)
class NamedFiles(Generic[T]):
    """A folder of shipped YAML files, each a dataclass with a ``name``.

    Args:
        noun: What one is, for errors, such as ``"policy card"``.
        kind: The dataclass.
        place: The folder: the kind of data, and folders below it.
    """

    noun: str
    kind: type[T]
    place: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return Path(data_dir(self.place[0]), *self.place[1:])

    def names(self) -> tuple[str, ...]:
        """Return the names of all shipped files, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.yaml")))

    def path(self, name: str) -> Path:
        """Return the file of a name; a name that ends in ``.yaml`` is the path of one's own file.

        Raises:
            UsageError: There is no such name (names the nearest).
        """
        if name.endswith(".yaml"):
            return Path(name)
        if name not in self.names():
            raise UsageError(f"unknown {self.noun} {name!r}", did_you_mean(name, self.names()))
        return self.folder / f"{name}.yaml"

    def load(self, name: str) -> T:
        """Return what the file of a name, or one's own, says.

        Raises:
            UsageError: There is no such name, or the file is not a ``kind`` (names file, key path
                and the nearest key) or is named otherwise.
        """
        return read_named(self.path(name), self.kind)


def read_named(path: Path, kind: type[T]) -> T:
    """Return a YAML file as a dataclass whose ``name`` is the file's stem.

    Raises:
        UsageError: The file is not a ``kind``, or is named otherwise.
    """
    found = load_yaml(path, kind)
    name: Any = vars(found)["name"]
    if name != path.stem:
        raise UsageError(f"{path}: name: expected {path.stem!r}, the file's, got {name!r}")
    return found
