"""What a map is asked to show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gridseval.errors import UsageError
from gridseval.suites.groups import GROUPS


@dataclass(frozen=True)
class SolvableConfig:
    """The arguments of ``gridseval solvable``.

    Attributes:
        suites: Names or paths; groups stand for their suites, as in ``--suite``.
        out: The folder of the map; each suite's run has a folder in it.
        tasks: Indices, ranges and names, or ``None`` for all.
        dimension: Dimensions of LIBERO-Plus joined by commas, or ``None`` for all.
        level: Levels of LIBERO-Plus and ranges joined by commas, or ``None`` for all.
        sample: How many of those tasks to draw from each suite, or ``None`` for all.
        trials: Attempts per task, each from another stored initial state.
        workers: Worker processes, 0 for none, or ``None`` for one per core.
        every_task: Whether to run also tasks whose episodes are the same as another's.
        sheet: How many unsolved tasks the contact sheets show at most, over all suites.
        assets: Folder of LIBERO's assets, or ``None`` to look for them.
        libero_plus: Folder of LIBERO-Plus's data, or ``None`` to look for it.
        retry_errors: Whether a resumed map runs episodes again that ended as error.
        resume_anyway: Whether a map may be resumed with other versions; its tables name them.
        force: Whether to accept versions that are known to change results.
        command: How it was called, for ``run.yaml``.

    Raises:
        UsageError: A number is out of its range.
    """

    suites: tuple[str, ...]
    out: Path
    tasks: str | None = None
    dimension: str | None = None
    level: str | None = None
    sample: int | None = None
    trials: int = 1
    workers: int | None = None
    every_task: bool = False
    sheet: int = 60
    assets: str | None = None
    libero_plus: str | None = None
    retry_errors: bool = False
    resume_anyway: bool = False
    force: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        for option, least, value in (("--trials", 1, self.trials), ("--sheet", 0, self.sheet)):
            if value < least:
                raise UsageError(f"{option} must be at least {least}, not {value}")

    @property
    def all_suites(self) -> tuple[str, ...]:
        """Every suite once, in the order given."""
        named = [one for suite in self.suites for one in GROUPS.get(suite, (suite,))]
        return tuple(dict.fromkeys(named))
