"""How long solved episodes take on a robot, and how the arm moves in them: figures and a table.

Completion time counts 0.05 s per policy step, plus the time of the queries where the world stood
still meanwhile. Source: GridS's table, after VLASH.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gridseval.errors import UsageError, did_you_mean
from gridseval.motion.table import FIGURES, MotionFigure
from gridseval.results.run.record import EpisodeRecord
from gridseval.results.stats.means import Mean, mean_of
from gridseval.results.stats.rates import mean
from gridseval.results.tables.column import Column, Records
from gridseval.results.tables.document import MISSING, Section
from gridseval.results.tables.record_group import grouped, plain_number
from gridseval.results.tables.summary import Summary

DEFAULT_FIGURES = ("path_m", "ldlj", "seam_jump")
"""Those that tables for people have unless the user names others."""


def completion_of(record: EpisodeRecord) -> float | None:
    """Return an episode's completion time in s; ``None`` if its record does not say it."""
    return plain_number(record.extra.get("completion_s"))


def motion_of(record: EpisodeRecord, name: str) -> float | None:
    """Return a figure of an episode's motion; ``None`` if its record does not say it."""
    motion = record.extra.get("motion")
    return plain_number(motion.get(name)) if isinstance(motion, Mapping) else None


def completion(records: Iterable[EpisodeRecord]) -> Mean | None:
    """Return the mean completion time of the successful episodes, in s."""
    return mean_of(grouped(records).numbers.completion_s)


COMPLETION_COLUMNS: tuple[Column, ...] = (
    Column(
        "completion_s",
        lambda records: _part(records, "value"),
        "s",
        "mean completion time of the successful episodes: 0.05 s per step, and the queries' time",
        label="completion time",
    ),
    Column(
        "completion_lower_s", lambda records: _part(records, "lower"), "s",
        "lower end of its 95 % interval (Student)",
        label="",
    ),
    Column(
        "completion_upper_s", lambda records: _part(records, "upper"), "s",
        "upper end of its 95 % interval (Student)",
        label="",
    ),
)  # fmt: skip


def motion_columns(records: Iterable[EpisodeRecord]) -> tuple[Column, ...]:
    """Return two columns of each figure that any record has: over successes, and over all."""
    return tuple(
        column for figure in _known_figures(records) for column in _columns_of_figure(figure)
    )


def execution_section(
    runs: Mapping[str, Summary], names: Sequence[str] | None = None
) -> Section | None:
    """Return completion time, steps and motion of solved episodes; ``None`` without records of it.

    Args:
        runs: By label; the first one's completion time is what others are compared with.
        names: Figures of motion, such as ``"ldlj"``; ``None`` for the default ones.

    Raises:
        UsageError: There is no such figure; names the nearest.
    """
    asked = _figures(DEFAULT_FIGURES if names is None else names)
    every = [record for summary in runs.values() for record in summary.records]
    if all(completion_of(record) is None for record in every):
        return None
    known = _known_figures(every)
    figures = [figure for figure in asked if figure in known]
    several = len(runs) > 1
    rows = []
    first: dict[str, float] = {}
    for label, summary in runs.items():
        for row in summary.suites:
            found = completion(row.records)
            faster = MISSING
            if found is not None:
                base = first.setdefault(row.suite, found.value)
                faster = f"{base / found.value:.2f}×" if found.value else MISSING
            steps = mean(each.steps for each in row.records if each.status == "success")
            rows.append(
                (
                    f"{label}: {row.suite}" if several else row.suite,
                    mean_text(found, 1),
                    *([faster] if several else []),
                    MISSING if steps is None else f"{steps:.0f}",
                    *(_motion_text(row.records, figure) for figure in figures),
                )
            )
    header = ("suite", "completion s", *(["speed-up"] if several else []), "steps")
    return Section(_TITLE, (*header, *(figure.title for figure in figures)), tuple(rows))


_TITLE = (
    "solved episodes: completion time (0.05 s per step, and queries unless --delay counts them) "
    "and motion; mean, with 95 % interval"
)


def mean_text(found: Mean | None, digits: int) -> str:
    """Return a mean and its interval as a cell."""
    if found is None:
        return MISSING
    if found.lower is None or found.upper is None:
        return f"{found.value:.{digits}f}"
    return f"{found.value:.{digits}f}\n({found.lower:.{digits}f}–{found.upper:.{digits}f})"


def _figures(names: Sequence[str]) -> tuple[MotionFigure, ...]:
    known = {figure.name: figure for figure in FIGURES}
    if "all" in names:
        return FIGURES
    for name in names:
        if name not in known:
            raise UsageError(f"there is no figure of motion {name!r}", did_you_mean(name, known))
    return tuple(known[name] for name in dict.fromkeys(names))


def _motion_text(records: Records, figure: MotionFigure) -> str:
    found = grouped(records).numbers.motion_solved.get(figure.name, ())
    return mean_text(mean_of(found), figure.digits)


def _known_figures(records: Iterable[EpisodeRecord]) -> tuple[MotionFigure, ...]:
    names: set[object] = set()
    for record in records:
        motion = record.extra.get("motion")
        if isinstance(motion, Mapping):
            names |= motion.keys()
    return tuple(figure for figure in FIGURES if figure.name in names)


def _columns_of_figure(figure: MotionFigure) -> tuple[Column, Column]:
    def of_solved(records: Records) -> float | None:
        return mean(grouped(records).numbers.motion_solved.get(figure.name, ()))

    def of_all(records: Records) -> float | None:
        return mean(grouped(records).numbers.motion.get(figure.name, ()))

    name, unit = f"motion_{figure.name}", figure.unit
    return (
        Column(name, of_solved, unit, f"{figure.description}: mean of successes"),
        Column(f"{name}_all", of_all, unit, f"{figure.description}: mean of all"),
    )


def _part(records: Records, name: str) -> float | None:
    found = completion(records)
    return None if found is None else getattr(found, name)
