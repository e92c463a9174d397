"""What a command may add to a run: another acting policy, more in run.yaml, files per episode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from gridseval.evaluation.prepared_run import PreparedRun
from gridseval.results import RunDirectory
from gridseval.rollout import Outcome


class Extension(Protocol):
    """Takes part in a run."""

    def prepare(self, prepared: PreparedRun) -> PreparedRun:
        """Return the run as it is to be made."""

    def manifest(self) -> Mapping[str, Any]:
        """Return further keys of ``run.yaml``, which decide what may continue the run."""

    def finish(self, outcome: Outcome) -> None:
        """Take in an episode's outcome, before its record is written: what is kept then is whole.

        Raises:
            GridsevalError: Its files cannot be written.
        """

    def end(self, run: RunDirectory) -> None:
        """Learn that all episodes have a record, while the run's folder is still locked.

        Raises:
            GridsevalError: What is made of them cannot be written.
        """


class NoExtension:
    """Adds nothing."""

    def prepare(self, prepared: PreparedRun) -> PreparedRun:
        """Return the run as it is."""
        return prepared

    def manifest(self) -> Mapping[str, Any]:
        """Return no key."""
        return {}

    def finish(self, outcome: Outcome) -> None:
        """Do nothing."""

    def end(self, run: RunDirectory) -> None:
        """Do nothing."""
