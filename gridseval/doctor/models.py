"""LIBERO's models."""

from __future__ import annotations

from gridseval.doctor.finding import Finding
from gridseval.envs.assets import find_assets

_DIGITS = 12


def check_models(explicit: str | None) -> Finding:
    """Find the models and tell which they are.

    Args:
        explicit: A folder, or ``None`` to look for them.

    Raises:
        MachineError: There are none.
    """
    assets = find_assets(explicit)
    name, digest = assets.identity()
    text = f"{name}, sha256 {digest[:_DIGITS]}, from {assets.source}"
    return Finding("models", "ok", text, str(assets.root))
