"""How a task of LIBERO-Plus differs from its base task, and how upstream's name encodes that.

All 10,030 names are regular: the base task's name, then a suffix that carries the parameters
(LIBERO-Plus, commit 4976dc3, ``benchmark/task_classification.json``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

DIMENSIONS = ("camera", "robot", "language", "light", "background", "noise", "layout")
"""The seven dimensions, in the order of the leaderboard."""

LEVELS = (1, 2, 3, 4, 5)
"""Levels of difficulty: how many of four models failed, not a function of the parameters."""


class Kind(NamedTuple):
    """One way to change a task.

    Attributes:
        dimension: The dimension that it counts for.
        suffix: What follows the base task's name, with a place for each parameter.
    """

    dimension: str
    suffix: str

    @property
    def parameters(self) -> int:
        """How many parameters there are."""
        return self.suffix.count("{}")


KINDS = {
    "view": Kind("camera", "_view_{}_{}_{}_{}_{}_initstate_0"),
    "init": Kind("robot", "_view_0_0_100_0_0_initstate_{}"),
    "noise": Kind("noise", "_view_0_0_100_0_0_initstate_0_noise_{}"),
    "language": Kind("language", "_language_{}_view_0_0_100_0_0_initstate_0"),
    "light": Kind("light", "_light_{}"),
    "table": Kind("background", "_table_{}"),
    "tb": Kind("background", "_tb_{}"),
    "add": Kind("layout", "_add_{}"),
    "level": Kind("layout", "_level{}_sample{}"),
    "moved": Kind("layout", "_moved_level{}_sample{}"),
}
"""All kinds, by the word that the manifests use."""


@dataclass(frozen=True)
class Variant:
    """A base task with one change.

    Attributes:
        suite: The base task's suite, such as ``"libero_goal"``.
        base: The base task's name.
        kind: A key of ``KINDS``.
        parameters: The numbers in the task's name, e.g. H, V, S, R, E of a camera.
        level: Difficulty, 1 to 5; ``None`` where upstream gives none.
        scene: What upstream's problem name adds: the number of a light's scene file, or a
            background's textures, of table and wall joined by ``+``; else empty.
    """

    suite: str
    base: str
    kind: str
    parameters: tuple[int, ...]
    level: int | None
    scene: str = ""

    @property
    def dimension(self) -> str:
        """Which of the seven dimensions is perturbed."""
        return KINDS[self.kind].dimension

    @property
    def name(self) -> str:
        """The task's name, exactly as upstream writes it."""
        return self.base + KINDS[self.kind].suffix.format(*self.parameters)

    @property
    def file_stem(self) -> str:
        """The stem of the task's own BDDL and initial-state files, where it has some."""
        return self.name.split("_view_")[0]
