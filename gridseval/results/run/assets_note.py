"""The assets that runs were measured on: shown in notes, and compared between runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gridseval.errors import UsageError
from gridseval.results.run.manifest import manifest_differences
from gridseval.results.run.reading import Run

PUBLISHED_ASSETS = "libero"
"""Identity of the assets that published numbers were measured with."""

_DIGITS = 12
_FOREIGN = "not LIBERO's own: do not compare with published rates"
_ORIGIN = {
    "custom": "not known to be LIBERO's own: compare with published rates only if they are",
    "stand-ins": "not LIBERO's own: do not compare with results on LIBERO's assets",
}


def models_note(manifest: Mapping[str, Any]) -> str | None:
    """Return which assets a run was measured on; ``None`` if they are LIBERO's own."""
    assets = manifest.get("assets")
    assets = assets if isinstance(assets, Mapping) else {}
    identity = assets.get("identity", "unknown")
    if identity == PUBLISHED_ASSETS:
        return None
    digest = f" ({str(assets['hash'])[:_DIGITS]})" if assets.get("hash") else ""
    return f"assets: {identity}{digest}, {_ORIGIN.get(identity, _FOREIGN)}"


def check_same_models(runs: Sequence[Run], force: bool = False) -> str | None:
    """Refuse to compare runs that were measured on different assets.

    Runs that do not say which assets they used cannot be compared, and pass.

    Args:
        runs: To be compared.
        force: Compare them all the same.

    Returns:
        What a reader must know if it was forced, else ``None``.

    Raises:
        UsageError: Two runs were measured on different assets.
    """
    known = [run for run in runs if isinstance(run.manifest.get("assets"), Mapping)]
    for run in known[1:]:
        lines = manifest_differences(
            {"assets": known[0].manifest["assets"]}, {"assets": run.manifest["assets"]}
        )
        shown = "".join(f"\n  {line}" for line in lines)
        if shown:
            sentence = f"{run.label} was not measured on the assets of {known[0].label}:{shown}"
            if force:
                return sentence
            raise UsageError(
                sentence, "masses and images differ, so outcomes do not compare; or use --force"
            )
    return None
