"""What tests of every room share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def assets() -> Path:
    """Return the asset root to test on; without one tests fail, for nothing is skipped."""
    named = os.environ.get("GRIDSEVAL_ASSETS")
    if not named:
        pytest.fail("GRIDSEVAL_ASSETS is not set: name the folder of LIBERO's models to test with")
    return Path(named)
