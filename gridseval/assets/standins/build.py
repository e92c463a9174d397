"""Builds the whole asset root, in the folders of LIBERO's own.

Each part is a function that takes the root. The table below names them, so that a new kind of model
is one module and one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

_PACKAGE = "gridseval.assets.standins"
PARTS = (
    f"{_PACKAGE}.objects:build_objects",
    f"{_PACKAGE}.fixtures:build_fixtures",
    f"{_PACKAGE}.arenas:build_arenas",
)


def build(root: Path, parts: Sequence[str] = PARTS) -> None:
    """Write the models below ``root``, which is made if it does not exist.

    Args:
        root: The folder that becomes the asset root.
        parts: Functions to call with it, as ``"module:function"``.

    Raises:
        OSError: The files cannot be written.
    """
    root.mkdir(parents=True, exist_ok=True)
    for part in parts:
        module, _, function = part.partition(":")
        getattr(import_module(module), function)(root)
