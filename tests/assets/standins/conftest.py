"""The stand-ins, built once for all their tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridseval.assets.standins import build


@pytest.fixture(scope="session")
def standins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of freshly built stand-ins."""
    root = tmp_path_factory.mktemp("stand-ins") / "root"
    build(root)
    return root
