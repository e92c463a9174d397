"""Other copies of the packages that simulate, for tests to put first on the path."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gridseval.versions import package_folder


def clone(name: str, parent: Path) -> Path:
    """Make a copy of an installed package, of symbolic links; return the folder on the path."""
    source = package_folder(name)
    assert source is not None
    shutil.copytree(
        source,
        parent / name,
        copy_function=os.symlink,
        ignore=shutil.ignore_patterns("__pycache__", "demonstrations", "bullet_data", "plugin"),
    )
    return parent


def rewrite(file: Path, old: str, new: str) -> None:
    """Replace a text in one file of a clone; the installed package stays as it is."""
    text = file.read_text(encoding="utf8")
    assert old in text
    file.unlink()
    file.write_text(text.replace(old, new), encoding="utf8")
