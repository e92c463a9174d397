"""Layouts of published suites' folders: what file names say of tasks. They are data, not code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gridseval.named_files import NamedFiles

_MOST_LETTERS = 200


@dataclass(frozen=True)
class Layout:
    """What a folder of BDDL files says by the names of folder and files.

    Attributes:
        name: The file's.
        title: Of the suite, in front of the folder's name.
        folder: Regular expression of the folder's name.
        base: The suite of LIBERO's whose policy steps and order of tasks it has; may refer to
            groups of ``folder``.
        task: Regular expression of a task's name.
        dimension: What tables sort by; refers to groups of ``task``, or of ``folder`` if that has
            none.
        names: What tables call a dimension, where not that.
        init_states: Stem of a task's initial states; refers to groups of ``task``.
        trials: Stored initial states per task.
    """

    name: str
    title: str
    folder: str
    base: str
    dimension: str
    task: str = ".*"
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    init_states: str = r"\g<0>"
    trials: int = 50

    def base_of(self, folder: str) -> str | None:
        """Return the base suite of a folder's name; ``None`` if the layout is not its."""
        match = re.fullmatch(self.folder, folder[:_MOST_LETTERS])
        return None if match is None else match.expand(self.base)

    def dimension_of(self, folder: str, task: str) -> str:
        """Return a task's dimension, empty if its name is not of the layout."""
        of_task = re.compile(self.task)
        match = of_task.fullmatch(task) if of_task.groups else re.fullmatch(self.folder, folder)
        if match is None:
            return ""
        found = match.expand(self.dimension).replace("_", " ")
        return self.names.get(found, found)

    def states_of(self, task: str) -> str:
        """Return the stem of a task's file of initial states."""
        match = re.fullmatch(self.task, task)
        return task if match is None else match.expand(self.init_states)


LAYOUTS = NamedFiles("layout of a suite", Layout, ("suites", "layouts"))


def layout_of(folder: str) -> tuple[Layout, str] | None:
    """Return the layout of a folder's name, and its base suite; ``None`` without one."""
    for name in LAYOUTS.names():
        layout = LAYOUTS.load(name)
        base = layout.base_of(folder)
        if base is not None:
            return layout, base
    return None
