"""What runs were measured on, assets and simulator: shown in notes, and compared between runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gridseval.errors import UsageError
from gridseval.results.run.keys import COMPARE, is_below
from gridseval.results.run.manifest import MIXED, manifest_differences, mixed_values
from gridseval.results.run.reading import Run
from gridseval.results.run.resuming import mixed_notes

PUBLISHED_ASSETS = "libero"
"""Identity of the assets that published numbers were measured with."""

_DIGITS = 12
_MEASURED_ON = {
    "assets": "masses and images differ, so outcomes do not compare; or use --force",
    "simulator": "tasks or physics differ, so outcomes do not compare; or use --force",
}
"""Keys of ``run.yaml``, and what to tell of runs that differ in one."""

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


def measured_notes(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a reader must know of a run's assets, packages and mixed settings."""
    models = models_note(manifest)
    if models is not None:
        yield models
    for sentence in foreign_packages_of(manifest):
        yield f"simulator: {sentence}; do not compare with published rates"
    yield from mixed_notes(manifest)


def foreign_packages_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each package that simulated a run and was not what pip installs."""
    simulator = manifest.get("simulator")
    foreign = simulator.get("foreign") if isinstance(simulator, Mapping) else None
    return tuple(map(str, foreign.values())) if isinstance(foreign, Mapping) else ()


def check_same_models(runs: Sequence[Run], force: bool = False) -> str | None:
    """Refuse to compare runs that were measured on different assets or in another simulator.

    Runs that do not say which assets they used cannot be compared, and pass.

    Args:
        runs: To be compared.
        force: Compare them all the same.

    Returns:
        What a reader must know if it was forced, else ``None``.

    Raises:
        UsageError: Two runs were measured on different assets, or in different simulators.
    """
    known = [run for run in runs if isinstance(run.manifest.get("assets"), Mapping)]
    for key, hint in _MEASURED_ON.items():
        for run in known[1:]:
            lines = _differences(known[0], run, key)
            shown = "".join(f"\n  {line}" for line in lines)
            if shown:
                first = known[0].label
                sentence = f"{run.label} was not measured on the {key} of {first}:{shown}"
                if force:
                    return sentence
                raise UsageError(sentence, hint)
    return None


def _differences(first: Run, second: Run, key: str) -> Iterator[str]:
    before, after = (dict(_only(run.manifest, key)) for run in (first, second))
    return manifest_differences(before, after, COMPARE)


def _only(manifest: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    """Yield what a manifest says of one key, and how it was mixed."""
    mixed = {name: v for name, v in mixed_values(manifest).items() if is_below(name, (key,))}
    if key in manifest:
        yield key, manifest[key]
    if mixed:
        yield MIXED, mixed
