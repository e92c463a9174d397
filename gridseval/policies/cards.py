"""Policy cards: the conventions of a policy family, one YAML each.

Every convention here has led to a wrong table when it was guessed: which crop, whose gripper
sign, how many steps between queries. They are data, so that a family is a file and not a branch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import did_you_mean
from gridseval.named_files import NamedFiles
from gridseval.policies.images import ImagePipeline
from gridseval.tokens.pruners import is_pruner, list_pruners

Gripper = Literal["raw", "sign", "openvla", "close_negative", "close_01"]
"""How a seventh number becomes gridseval's (−1 opens, +1 closes)."""


@dataclass(frozen=True)
class PolicyCard:
    """The conventions of one policy family.

    Args:
        name: The file's stem.
        title: As papers write it.
        kind: The policy kind that loads its checkpoints, or ``None`` where any does.
        cameras: What it looks at, ``"agentview"`` and ``"wrist"``, in the model's order.
        image: From observed frame to input image.
        gripper: How its seventh action component becomes gridseval's; see :func:`gripped`.
        state: ``"axis_angle"`` for eef position, axis-angle (robosuite's, no antipodal flip) and
            two gripper joints; ``"axis_angle_antipodal"`` with angles of at most π instead, as
            vla-eval sends it; ``"none"`` where it sees no state.
        chunk: Actions per query, at least 1.
        replan: Policy steps executed between two queries, 1 to ``chunk``.
        normalisation: How actions and state were scaled in training; the checkpoint has the
            numbers. ``"none"`` also where a server does it.
        token_grid: Rows and columns of one camera's visual tokens.
        model: Description under ``policies/models/`` by which a query's cost is counted.
        pruner: What chooses its visual tokens before the decoder, for its own cost: a name of
            :func:`gridseval.tokens.pruners.list_pruners`. A card is data, so it names no file and
            no module whose code would run.
        protocol: Name of the evaluation protocol under which its scores were measured.
        published: Rows of ``policies/published.yaml`` with its scores.
        source: Where these facts come from.
        notes: What a user should know.

    Raises:
        ValueError: A value is out of its range.
    """

    name: str
    title: str
    kind: str | None
    cameras: tuple[Literal["agentview", "wrist"], ...]
    image: ImagePipeline
    gripper: Gripper
    state: Literal["axis_angle", "axis_angle_antipodal", "none"]
    chunk: int
    replan: int
    normalisation: Literal["none", "q01_q99", "mean_std"]
    token_grid: tuple[int, int]
    source: str
    model: str | None = None
    pruner: str | None = None
    protocol: str = "openvla"
    published: tuple[str, ...] = ()
    notes: str = ""

    def __post_init__(self) -> None:
        if not self.cameras or len(set(self.cameras)) != len(self.cameras):
            raise ValueError("cameras must name at least one camera, each once")
        if not 1 <= self.replan <= self.chunk:
            raise ValueError(f"replan must be within 1 and chunk ({self.chunk}), not {self.replan}")
        if min(self.token_grid) < 1:
            raise ValueError(f"token_grid must be (rows, columns), not {self.token_grid}")
        if self.pruner is not None and not is_pruner(self.pruner):
            hint = did_you_mean(self.pruner, list_pruners())
            raise ValueError(f"pruner must be a pruner's name, not {self.pruner!r}; {hint}")

    def conventions(self) -> dict[str, Any]:
        """Return what decides outcomes, of plain values, for ``run.yaml``."""
        words = ("title", "source", "published", "notes")
        values = {key: value for key, value in asdict(self).items() if key not in words}
        values |= {"cameras": list(self.cameras), "token_grid": list(self.token_grid)}
        return values

    def gripped(self, actions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return actions with gridseval's gripper.

        Args:
            actions: float32 (..., 7) by this family's convention; left as they are.

        Returns:
            float32 (..., 7); the gripper −1 to open, +1 to close.
        """
        return gripped(actions, self.gripper)


def gripped(actions: NDArray[np.float32], rule: Gripper) -> NDArray[np.float32]:
    """Return actions with gridseval's gripper.

    Args:
        actions: float32 (..., 7) by another convention; left as they are.
        rule: ``"raw"`` as it is; ``"sign"`` −1 below 0 and +1 else; ``"openvla"`` −sign(2g − 1) of
            g in [0, 1], where 1 is open; ``"close_negative"`` the opposite of ``"sign"``;
            ``"close_01"`` −1 below 0.5 and +1 else.

    Returns:
        float32 (..., 7); the gripper −1 to open, +1 to close.
    """
    if rule == "raw":
        return actions
    mended = actions.copy()
    given = mended[..., 6]
    if rule == "openvla":
        mended[..., 6] = -np.sign(2 * given - 1)
        return mended
    middle = 0.5 if rule == "close_01" else 0.0
    below, above = (1, -1) if rule == "close_negative" else (-1, 1)
    # nan stays nan, so that the check on a policy's actions finds it.
    mended[..., 6] = np.where(given < middle, below, np.where(np.isnan(given), given, above))
    return mended


_CARDS = NamedFiles("policy card", PolicyCard, ("policies", "cards"))


def list_cards() -> tuple[str, ...]:
    """Return the names of all cards that ship with gridseval, in alphabetical order."""
    return _CARDS.names()


def load_card(name: str) -> PolicyCard:
    """Return a card by name, or from a user's file.

    Args:
        name: A name of :func:`list_cards`, or a path that ends in ``.yaml``.

    Raises:
        UsageError: There is no such card (names the nearest), or the file is not a card (names
            file, key path, and the nearest key).
    """
    return _CARDS.load(name)


def card_path(name: str) -> Path:
    """Return a card's file.

    Raises:
        UsageError: There is no card of that name (names the nearest).
    """
    return _CARDS.path(name)
