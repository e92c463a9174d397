"""The vision backbone of the small checkpoints, without a checkpoint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def backbone(width: int) -> Any:
    """Return one of random weights."""
    here = str(Path(__file__).parent)
    sys.path.insert(0, here)
    try:
        from tiny.modeling_tiny import Backbone
    finally:
        sys.path.remove(here)
    return Backbone(width)
