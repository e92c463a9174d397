"""Resuming a run that an earlier version of gridseval began, under its earlier conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridseval import __version__
from gridseval.errors import OutputError
from gridseval.evaluation.config import RunConfig
from gridseval.os_errors import RUN_HINTS, os_errors
from gridseval.results import read_manifest
from gridseval.results.run.protocols import is_before_protocols
from gridseval.run_names import MANIFEST
from gridseval.suites import DEFAULT_PROTOCOL


def as_begun(config: RunConfig) -> tuple[RunConfig, tuple[str, ...]]:
    """Return the arguments under which a stored run goes on, and what to tell the user.

    Before there were protocols, one seed served LIBERO and the policy, and 7 was its default. The
    same command must resume such a run, so options that it leaves out get their earlier values.

    Args:
        config: The arguments as given.

    Returns:
        The same arguments and no note for a new run and for runs of later versions.

    Raises:
        OutputError: A ``run.yaml`` is there and cannot be read.
    """
    stored = _stored(config.out)
    if config.protocol is not None or not is_before_protocols(stored):
        return config, ()
    begun = replace(config, protocol=DEFAULT_PROTOCOL)
    if config.seed is None and config.env_seed is None and isinstance(stored["seed"], int):
        begun = replace(begun, env_seed=stored["seed"])
    note = (
        f"{config.out} was begun before gridseval had protocols: it goes on as it began, with "
        f"protocol {DEFAULT_PROTOCOL!r} and LIBERO's seed {stored['seed']}"
    )
    return begun, (note,)


def refuse_other_policy(out: Path, given: Mapping[str, Any]) -> None:
    """Check that the scripted expert, or nano's architecture, is the one that began a run.

    Runs from before either was recorded had an earlier one.

    Args:
        out: The run directory, which may not exist yet.
        given: The manifest of the run that is about to start.

    Raises:
        OutputError: It is another one, or ``run.yaml`` cannot be read.
    """
    stored = _stored(out)
    before, now = (each.get("policy") for each in (stored, given))
    if not (isinstance(before, Mapping) and isinstance(now, Mapping)):
        return
    if before.get("class") != now.get("class"):
        return
    for key in ("expert", "architecture"):
        if before.get(key) != now.get(key):
            raise OutputError(
                f"another {key} began {out}: the code of policy {now['name']!r} has changed since",
                "choose another directory for a new run, or continue it with the version that "
                "began it",
            )


def _stored(out: Path) -> dict[str, Any]:
    """Return the ``run.yaml`` of a run directory, or nothing for a new one."""
    with os_errors(f"cannot look at {out}", hint=RUN_HINTS):
        begun = (out / MANIFEST).is_file()
    return read_manifest(out / MANIFEST) if begun else {}


def version_note(stored: Mapping[str, Any]) -> str | None:
    """Return what a reader must know of a run that another version of gridseval began.

    Args:
        stored: The run's ``run.yaml``.

    Returns:
        ``None`` if this version began it, or if it does not say which one did.
    """
    versions = stored.get("versions")
    begun = versions.get("gridseval") if isinstance(versions, Mapping) else None
    if begun in (None, __version__):
        return None
    return f"gridseval {begun} began this run, gridseval {__version__} continued it"
