"""Where data files are: those that ship, and those in an archive with other folders around.

``suites/`` and ``policies/`` ship with gridseval. In a wheel they lie inside the package
(``gridseval/_data``), in a checkout at its top level, so that people who read or edit them do not
have to look for them.
"""

from __future__ import annotations

from pathlib import Path

_MOST_FOLDERS = 12
_UNNAMED = ("__MACOSX", ".git", ".cache")
"""Folders that archives and tools put beside others."""


def data_dir(kind: str) -> Path:
    """Return the folder of shipped data files of one kind (``"suites"`` or ``"policies"``)."""
    package = Path(__file__).resolve().parent
    installed = package / "_data" / kind
    return installed if installed.is_dir() else package.parent / kind


def unnested(folder: Path, part: str) -> Path | None:
    """Return a folder that has a part, or the one in it that has: below lone folders only.

    LIBERO-Plus's archive was made with the folders of its author's machine around its files, so
    that ``unzip`` puts them into ``assets/inspire/…/assets``.

    Args:
        folder: Where to begin; it may not exist.
        part: A folder's name, such as ``"scenes"``.
    """
    for _ in range(_MOST_FOLDERS):
        if (folder / part).is_dir():
            return folder
        try:
            inside = [each for each in folder.iterdir() if each.name not in _UNNAMED]
        except OSError:
            return None
        below = [each for each in inside if each.is_dir()]
        if len(below) != 1:
            return None
        folder = below[0]
    return None
