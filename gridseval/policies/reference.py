"""Checkpoints that ship with gridseval: small models that were trained here, each with its card."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from gridseval.data import data_dir

_CONFIG = "config.json"


def list_references() -> tuple[str, ...]:
    """Return the names of all checkpoints that ship, sorted."""
    return tuple(sorted(found.parent.name for found in _folder().glob(f"*/{_CONFIG}")))


def reference_folder(checkpoint: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder of a checkpoint that ships.

    Args:
        checkpoint: Its name, maybe. What lies under that name where the user is goes first.

    Returns:
        The folder, or ``None`` where none of that name ships.
    """
    if checkpoint is None or str(checkpoint) not in list_references():
        return None
    return None if Path(checkpoint).exists() else _folder() / str(checkpoint)


def meant_reference(checkpoint: str) -> str | None:
    """Return the hint for a checkpoint that is not there: the name that ships, if one is near."""
    near = get_close_matches(checkpoint, list_references(), n=1)
    return f"did you mean {near[0]!r}?" if near else None


def _folder() -> Path:
    return data_dir("policies") / "reference"
