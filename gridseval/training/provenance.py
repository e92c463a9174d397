"""How a dataset was collected, as far as it says so, and what of it training refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridseval.collecting.lerobot_meta import ABOUT
from gridseval.config import read_yaml
from gridseval.errors import GridsevalError, UsageError
from gridseval.run_names import MANIFEST
from gridseval.training.tables import read_table


@dataclass(frozen=True)
class Provenance:
    """What a dataset says of itself; ``None`` where it does not, as those of other programs.

    Attributes:
        tasks: Suite and index of each task in it; empty where it does not say.
        replan: Policy steps between frames.
        env_seed: The simulator's.
        starts: ``"fresh"`` or ``"stored"``.
        actions: ``"delta"`` or ``"absolute"``: what the acting policy's actions are.
        labelled: Whether another policy than the acting one chose the labels.
        observed_px: Side of the images that policies saw.
        kept_px: Side to which they were averaged down, ``None`` where they are as observed.
        assets: Hash of LIBERO's assets.
    """

    tasks: tuple[tuple[str, int], ...] = ()
    replan: int | None = None
    env_seed: int | None = None
    starts: str | None = None
    actions: str | None = None
    labelled: bool = False
    observed_px: int | None = None
    kept_px: int | None = None
    assets: str | None = None

    def check_labels(self, path: Path) -> None:
        """Refuse labels that are not what nano acts by.

        Raises:
            UsageError: They are goal poses.
        """
        if self.actions == "absolute" and not self.labelled:
            raise UsageError(
                f"the labels of {path} are absolute poses, and nano acts by motions",
                "collect with --label oracle",
            )

    def check_px(self, path: Path, px: int) -> None:
        """Refuse images that would be averaged twice, which no evaluation does.

        Args:
            path: The dataset, for the error.
            px: Side that the model wants.

        Raises:
            UsageError: They were averaged to another side.
        """
        if self.kept_px not in (None, px, self.observed_px):
            seen = "" if self.observed_px is None else f"from {self.observed_px} "
            raise UsageError(
                f"the images of {path} were averaged down {seen}to {self.kept_px} px, and would be "
                f"again to the model's {px}: no evaluation shows such",
                f"collect with --image-px {px}, or without --image-px",
            )


def read_provenance(path: Path) -> Provenance:
    """Return what a dataset says of how it was collected; what is not there or odd is left out."""
    said: dict[str, Any] = {}
    for read, name in ((read_yaml, MANIFEST), (_json, ABOUT)):
        try:
            found = read(path / name)
        except (GridsevalError, OSError, ValueError, RecursionError):
            continue
        said |= found if isinstance(found, dict) else {}  # the later one is copied
    collect = _mapping(said.get("collect"))
    return Provenance(
        tasks=_tasks(path),
        replan=_number(said.get("replan")),
        env_seed=_number(said.get("env_seed")),
        # A run's manifest says it only where they are not the stored ones.
        starts=_text(said.get("starts", "stored" if "suite" in said else None)),
        actions=_text(said.get("actions")),
        labelled=collect.get("label") is not None,
        observed_px=_number(said.get("image_px")),
        kept_px=_number(collect.get("image_px")),
        assets=_text(_mapping(said.get("assets")).get("hash")),
    )


def _tasks(path: Path) -> tuple[tuple[str, int], ...]:
    names = ["gridseval/suite", "gridseval/task"]
    found = set()
    for file in sorted(path.glob("meta/episodes/*/*.parquet")):
        try:
            rows = read_table(file, names).to_pylist()
        except UsageError:
            return ()
        found |= {tuple(row.get(name) for name in names) for row in rows}
    return tuple(sorted((str(s), int(t)) for s, t in found if s is not None and t is not None))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> int | None:
    return value if type(value) is int else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
