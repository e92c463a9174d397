"""Where the data files that ship with gridseval are: ``suites/`` and ``policies/``.

In a wheel they lie inside the package (``gridseval/_data``), in a checkout at its top level, so
that people who read or edit them do not have to look for them.
"""

from __future__ import annotations

from pathlib import Path


def data_dir(kind: str) -> Path:
    """Return the folder of shipped data files of one kind (``"suites"`` or ``"policies"``)."""
    package = Path(__file__).resolve().parent
    installed = package / "_data" / kind
    return installed if installed.is_dir() else package.parent / kind
