"""Packages that ``libero`` and ``robosuite`` import and a simulation never uses.

OpenCV draws robosuite's windows, Matplotlib colours segmented images: together 50 MB in each
worker, and a tenth of its start. While the two packages are imported, stand-ins take their place,
which import the real thing when something is looked up in them.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

UNUSED = ("cv2", "matplotlib", "matplotlib.cm")
"""Modules, each after the package that it is in."""


class _Deferred(types.ModuleType):
    """Stands for a module that has not been imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the import system asks of each module
            raise AttributeError(name)
        _withdraw(self)
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def deferred(*names: str) -> Iterator[None]:
    """Import these modules on first use, if they are imported inside the block.

    After it, other code imports them as usual.
    """
    stood_in = {name: _Deferred(name) for name in names if name not in sys.modules}
    sys.modules.update(stood_in)
    for name, module in stood_in.items():
        package, _, inner = name.rpartition(".")
        if package in stood_in:
            setattr(stood_in[package], inner, module)
    try:
        yield
    finally:
        for module in stood_in.values():
            _withdraw(module)


def _withdraw(module: _Deferred) -> None:
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]
