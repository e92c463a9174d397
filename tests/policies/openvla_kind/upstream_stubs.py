"""Stand-ins for what upstream's repositories import and their evaluation functions do not use."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import Any
from unittest.mock import MagicMock

UNUSED = ("dlimp", "libero", "matplotlib", "tensorflow_datasets", "tensorflow_graphics", "wandb")


class _Module(types.ModuleType):
    __path__: list[str] = []  # noqa: RUF012 (a module's attribute, as Python names it)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=f"{self.__name__}.{name}")


class _Finder:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] not in UNUSED:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Leave the module empty."""


def install() -> None:
    """Make the unused packages importable, and torchvision beside a CPU torch."""
    import torch

    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            signature = "(Tensor a, Tensor b, float c) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
    sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
