"""Check a MuJoCo model before it is compiled: it may only read files in its own folders.

Scenes and objects are data that users name. Their XML runs no code, but it could make MuJoCo read
any file, hang on a pipe or a device, or load engine plug-ins.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from gridseval.errors import MachineError

_REFUSED = frozenset({"include", "extension", "plugin", "model", "attach", "flexcomp"})
"""Elements that read other models or need engine plug-ins; LIBERO and robosuite have none."""

_READERS = frozenset({"mesh", "texture", "hfield", "skin"})
"""Elements that may name a file."""

_HINT = "the scene or object is not LIBERO's own: gridseval assets verify"


def check_model(xml: str, roots: Iterable[Path]) -> None:
    """Refuse a model that needs more than meshes and textures below some folders.

    Args:
        xml: What MuJoCo is going to compile, with absolute paths.
        roots: The folders.

    Raises:
        MachineError: Names the element, and the file if there is one.
    """
    folders = tuple(_plain(root.absolute()) for root in roots)
    for element in ElementTree.fromstring(xml).iter():  # noqa: S314 (expat refuses entity bombs)
        named = [value for key, value in element.attrib.items() if key.startswith("file")]
        if element.tag in _REFUSED or (named and element.tag not in _READERS):
            raise MachineError(f"a model with the element <{element.tag}> is refused", _HINT)
        for name in named:
            _check_file(element.tag, name, folders)


def _check_file(tag: str, name: str, folders: tuple[Path, ...]) -> None:
    path = _plain(name)
    if not any(path.is_relative_to(folder) for folder in folders):
        raise MachineError(
            f"a model's {tag} asks for {name!r}, which is outside its folders", _HINT
        )
    if path.exists() and not path.is_file():
        raise MachineError(f"a model's {tag} asks for {name!r}, which is not a regular file", _HINT)


def _plain(path: str | Path) -> Path:
    """Return a path without ``..``, symbolic links unread: caches of hubs consist of them."""
    return Path(os.path.normpath(path))
