"""LIBERO's models."""

from __future__ import annotations

from gridseval.assets import find_assets
from gridseval.doctor.finding import Finding
from gridseval.results.run.assets_note import PUBLISHED_ASSETS

_DIGITS = 12
_FOREIGN = "not LIBERO's own, so results do not compare with published ones"


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
    if name == PUBLISHED_ASSETS:
        return Finding("models", "ok", text, str(assets.root))
    if name == "stand-ins":
        advice = "gridseval assets pull gets LIBERO's own"
        return Finding("models", "warning", f"{text}: {_FOREIGN}; {advice}", str(assets.root))
    return Finding("models", "ok", f"{text}: {_FOREIGN}", str(assets.root))
