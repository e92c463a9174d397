"""Small Llamas of transformers."""

from __future__ import annotations

import pytest
from torchvision_operators import define_operators


@pytest.fixture(scope="session", autouse=True)
def transformers_works() -> None:
    """Make transformers' models importable here."""
    define_operators()
