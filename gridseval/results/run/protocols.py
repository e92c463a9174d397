"""Whether a run and a published rate were measured under the same protocol.

Suites are read where they are needed only: writing a run's tables loads none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gridseval.errors import UsageError
from gridseval.results.run.published import PublishedRow
from gridseval.results.run.several_suites import of_suite, suites_of

if TYPE_CHECKING:
    from gridseval.suites import EvaluationProtocol

BEFORE_PROTOCOLS: Mapping[str, Any] = {"seeding": "task", "image_px": 256, "actions": "delta"}
"""What runs had before ``run.yaml`` had these keys."""

_STEPS = ("settle_steps", "max_steps")


def protocol_values(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run's ``run.yaml`` says about its protocol, by key.

    Keys: ``env_seed``, ``seeding``, ``image_px``, ``settle_steps``, ``max_steps``, ``actions``. Of
    runs from before there were protocols, which had one seed for all, these are filled in. Where
    suites of a run have different steps, these are a text with all of them.
    """
    keys = ("env_seed", *BEFORE_PROTOCOLS, *_STEPS)
    known = {**BEFORE_PROTOCOLS, "env_seed": manifest.get("seed"), **manifest, **_steps(manifest)}
    return {key: known.get(key) for key in keys}


def _steps(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the steps of all suites of a run, by key."""
    parts = [of_suite(manifest, suite) for suite in suites_of(manifest)] or [manifest]
    found = {key: list(dict.fromkeys(part.get(key) for part in parts)) for key in _STEPS}
    return {k: v[0] if len(v) == 1 else ", ".join(map(str, v)) for k, v in found.items()}


def is_before_protocols(manifest: Mapping[str, Any]) -> bool:
    """Return whether a version of gridseval without protocols wrote a ``run.yaml``."""
    return "seed" in manifest and "env_seed" not in manifest


def with_protocol(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a run's ``run.yaml`` with the protocol's values that earlier versions left out."""
    if not is_before_protocols(manifest):
        return manifest
    return {**manifest, **protocol_values(manifest)}


def row_differences(manifest: Mapping[str, Any], row: PublishedRow) -> tuple[str, ...]:
    """Return how a run's protocol differs from a published rate's, ``key: theirs -> ours`` each.

    Args:
        manifest: The run's.
        row: Its protocol may be unknown, which is a difference, too.
    """
    from gridseval.suites import load_protocol

    if row.protocol is None:
        return ("protocol: none that its source names",)
    return suite_differences(manifest, load_protocol(row.protocol), row.suite)


def suite_differences(
    manifest: Mapping[str, Any], protocol: EvaluationProtocol, suite: str
) -> tuple[str, ...]:
    """Return how a run's protocol differs from one that ships, ``key: theirs -> ours`` each.

    Actions are not compared: whether they are absolute is the policy's own.
    """
    from gridseval.suites import load_suite

    manifest = of_suite(manifest, suite)

    theirs = {
        "starts": "stored",
        "env_seed": protocol.env_seed,
        "seeding": protocol.seeding,
        "image_px": protocol.image_px,
        "settle_steps": protocol.settle_steps,
        "max_steps": protocol.steps_of(load_suite(suite)),
        "delay": None,
    }
    ours = {
        **protocol_values(manifest),
        "starts": _starts(manifest),
        "delay": (manifest.get("timing") or {}).get("delay"),
    }
    return tuple(
        f"{key}: {value} -> {ours[key]}" for key, value in theirs.items() if ours[key] != value
    )


def _starts(manifest: Mapping[str, Any]) -> str:
    """Return where a run's episodes started; only runs from fresh starts say so."""
    return str(manifest.get("starts", "stored"))


def named_protocol(manifest: Mapping[str, Any]) -> EvaluationProtocol | None:
    """Return the protocol that a run names; ``None`` for one of the user's own."""
    from gridseval.suites import DEFAULT_PROTOCOL, load_protocol

    try:
        return load_protocol(str(manifest.get("protocol", DEFAULT_PROTOCOL)))
    except UsageError:
        return None


def mixed_protocols(manifests: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return how the protocols of runs in one table differ; ``None`` if they do not.

    Policy steps are compared of runs of one suite only.

    Args:
        manifests: By the runs' labels; runs without one are left out.
    """
    known = [manifest for manifest in manifests.values() if manifest]
    same_suite = len({str(manifest.get("suite")) for manifest in known}) == 1
    values = [{**protocol_values(each), "starts": _starts(each)} for each in known]
    differ = [
        f"{key} {' / '.join(str(each[key]) for each in values)}"
        for key in (values[0] if values else ())
        if len({repr(each[key]) for each in values}) > 1 and (same_suite or key != "max_steps")
    ]
    return f"the runs' protocols differ: {'; '.join(differ)}" if differ else None


def protocol_notes(
    manifests: Mapping[str, Mapping[str, Any]], rows: Iterable[PublishedRow]
) -> Iterator[str]:
    """Yield which published rates were measured otherwise than a run, and how.

    Args:
        manifests: By the runs' labels.
        rows: Those that are shown.
    """
    told: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for label, manifest in manifests.items():
            differences = row_differences(manifest, row) if manifest else ()
            if differences:
                shown = "; ".join(line.replace(" -> ", ", here ") for line in differences)
                told.setdefault((label, shown), []).append(row.family)
    several = len(manifests) > 1
    for (label, shown), families in told.items():
        beside = f"{label}: " if several else ""
        names = ", ".join(dict.fromkeys(families))
        yield f"{beside}published rates of {names} were measured otherwise: {shown}"
