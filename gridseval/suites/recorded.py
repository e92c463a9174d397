"""The suite of a run that was made before, also where it is one of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridseval.errors import MachineError
from gridseval.suites.catalogue import load_suite
from gridseval.suites.own import suite_digest
from gridseval.suites.suite import Suite

SUITE_FILES = "suite_files"
"""The key of ``run.yaml``: ``path`` of the YAML, and ``sha256`` of all files of the suite."""


def suite_files(suite: Suite, digest: str | None) -> dict[str, Any]:
    """Return what ``run.yaml`` says about the files of a suite; empty for a shipped one.

    Args:
        suite: The suite.
        digest: Its :func:`~gridseval.suites.own.suite_digest`, taken when it was read.
    """
    return {} if digest is None else {SUITE_FILES: {"path": str(suite.file), "sha256": digest}}


def recorded_suite(manifest: Mapping[str, Any]) -> Suite:
    """Return the suite of a run.

    Args:
        manifest: The run's ``run.yaml``.

    Raises:
        UsageError: There is no such suite.
        MachineError: A suite of the user's own is gone or has changed.
    """
    files = manifest.get(SUITE_FILES)
    if not isinstance(files, Mapping):
        return load_suite(str(manifest.get("suite")))
    path = Path(str(files.get("path")))
    if not path.exists():
        raise MachineError(f"the suite of this run, {path}, is gone", "put it back there")
    suite = load_suite(str(path))
    if suite_digest(suite) != files.get("sha256"):
        raise MachineError(
            f"the suite of this run, {path}, has changed since: the same actions may end elsewhere",
            "put its files back as they were",
        )
    return suite
