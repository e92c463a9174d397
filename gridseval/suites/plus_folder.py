"""Where LIBERO-Plus's own files are: data of a clone, and the unpacked ``assets.zip``.

The data are a clone's ``libero/libero`` or a copy of its parts: instructions and layouts need
its ``bddl_files`` and ``init_files``. Lights, most backgrounds and added objects need the assets,
which are in ``assets`` below it, or wherever they were pulled to. Everything else needs LIBERO's
own files only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from gridseval.data import unnested
from gridseval.errors import MachineError, UsageError
from gridseval.suites.bddl import BddlFile, read_bddl
from gridseval.suites.scene_names import ADDED_KINDS
from gridseval.suites.variant import Variant

ENVIRONMENT = "GRIDSEVAL_LIBERO_PLUS"
CLONE = "git clone https://github.com/sylvestf/LIBERO-plus"
PULL = "gridseval assets pull libero-plus"

_LAYOUTS = "libero_newobj"
_INSIDE_CLONE = (Path(), Path("libero"), Path("libero", "libero"))


@dataclass(frozen=True)
class PlusFolder:
    """LIBERO-Plus's files; either part may be absent.

    Attributes:
        root: The folder that holds ``bddl_files``; ``None`` if there is none.
        assets: The unpacked ``assets.zip``; ``None`` if there is none.
    """

    root: Path | None
    assets: Path | None = None
    _sizes: dict[str, Mapping[str, int]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def find(cls, named: str | Path | None = None, pulled: Path | None = None) -> PlusFolder:
        """Return the files that an argument or the environment names; each may be ``None``.

        Args:
            named: The folder of data, or a clone that contains it.
            pulled: Where the assets are if they are not in that folder.

        Raises:
            UsageError: The name is not such a folder, or only a part of one.
        """
        source = named or os.environ.get(ENVIRONMENT)
        root = _checked(_expanded(Path(source))) if source else None
        places = [*([root / "assets"] if root else []), *([pulled] if pulled else [])]
        found = (unnested(place, "scenes") for place in places)
        return cls(root, next((place for place in found if place is not None), None))

    def bddl(self, variant: Variant) -> Path:
        """Return the path of a task's own BDDL file, whether or not it exists."""
        return self._path("bddl_files", variant.suite, f"{variant.file_stem}.bddl")

    def init_states(self, variant: Variant) -> Path:
        """Return the path of a layout's stored initial state, whether or not it exists."""
        return self._path("init_files", _LAYOUTS, variant.suite, f"{variant.name}.pruned_init")

    def instruction(self, variant: Variant) -> str:
        """Return the instruction in a task's BDDL file, as LIBERO reads it: in lower case.

        Raises:
            MachineError: The file cannot be read, is refused, or holds none.
        """
        problem = self.problem(variant)
        if not problem.instruction:
            raise MachineError(f"{problem.path} holds no instruction", f"clone it again: {CLONE}")
        return problem.instruction

    def added_kinds(self, variant: Variant) -> tuple[str, ...]:
        """Return which of ``ADDED_KINDS`` a task's BDDL file declares, sorted.

        Raises:
            MachineError: The file cannot be read or is refused.
        """
        return tuple(sorted(ADDED_KINDS & self.problem(variant).kinds))

    def problem(self, variant: Variant) -> BddlFile:
        """Return a task's own BDDL file, checked.

        Raises:
            MachineError: The file cannot be read or is refused.
        """
        return read_bddl(self.bddl(variant), f"clone it again: {CLONE}")

    def missing_data(self, variant: Variant) -> str | None:
        """Return which of a task's own data files is missing or empty; ``None`` if none is."""
        needed: list[tuple[str, ...]] = [("bddl_files", variant.suite, f"{variant.file_stem}.bddl")]
        if variant.dimension == "layout":
            needed.append(("init_files", _LAYOUTS, variant.suite, f"{variant.name}.pruned_init"))
        for *folder, name in needed:
            if self._sizes_in("/".join(folder)).get(name, 0) == 0:
                return "/".join((*folder, name))
        return None

    def scene_file(self, stem: str) -> Path | None:
        """Return the scene ``STEM.xml`` of the unpacked assets, if it is there."""
        path = self._scenes.get(f"{stem}.xml")
        return path if path is not None and path.is_file() else None

    def texture_file(self, name: str) -> Path | None:
        """Return the texture ``NAME.png`` of the unpacked assets, if it is there."""
        path = None if self.assets is None else self.assets / "textures" / f"{name}.png"
        return path if path is not None and path.is_file() else None

    def object_file(self, kind: str) -> Path | None:
        """Return the model of an added object, if it is among the unpacked assets.

        Upstream numbers the models of one sort of thing in the order of their folders' names:
        ``can_of_soda__2`` is the second in ``new_objects/can_of_soda``.
        """
        sort, _, number = kind.partition("__")
        if self.assets is None:
            return None
        folders = sorted((self.assets / "new_objects" / sort).glob("*/usd/MJCF"))
        place = int(number or 1) - 1
        if not place < len(folders):
            return None
        path = folders[place] / f"{folders[place].parent.parent.name}.xml"
        return path if path.is_file() else None

    @cached_property
    def _scenes(self) -> dict[str, Path]:
        """All scenes by file name, wherever below ``scenes`` they are."""
        if self.assets is None:
            return {}
        return {path.name: path for path in sorted((self.assets / "scenes").rglob("*.xml"))}

    def _path(self, *parts: str) -> Path:
        return Path(self.root or "", *parts)

    def _sizes_in(self, folder: str) -> Mapping[str, int]:
        """Return the sizes of a folder's files by name; one look serves hundreds of tasks."""
        if self.root is None:
            return {}
        if folder not in self._sizes:
            try:
                with os.scandir(self.root / folder) as entries:
                    self._sizes[folder] = {entry.name: entry.stat().st_size for entry in entries}
            except OSError:
                self._sizes[folder] = {}
        return self._sizes[folder]


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # "~name" of a user that there is not: a folder may be called so
        return path


def _checked(named: Path) -> Path:
    if not named.is_dir():
        reason = "is not a folder" if named.exists() else "does not exist"
        raise UsageError(
            f"the folder of LIBERO-Plus {named} {reason}",
            f"name a clone's libero/libero by --libero-plus or {ENVIRONMENT}: {CLONE}",
        )
    for inside in _INSIDE_CLONE:
        root = named / inside
        if (root / "bddl_files").is_dir():
            break
    else:
        raise UsageError(
            f"{named} holds no bddl_files, so it is not a folder of LIBERO-Plus",
            f"name the folder libero/libero of a clone: {CLONE}",
        )
    for part in ("libero_spatial", "libero_object", "libero_goal", "libero_10"):
        for folder in (root / "bddl_files" / part, root / "init_files" / _LAYOUTS / part):
            if not folder.is_dir():
                raise UsageError(
                    f"{named} is only a part of LIBERO-Plus's data: {folder.relative_to(root)} is "
                    "missing",
                    f"copy or clone it again: {CLONE}",
                )
    return root
