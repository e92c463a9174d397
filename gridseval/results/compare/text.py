"""A comparison of two runs in words, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gridseval.results.compare.flips import Comparison, Pair, TaskChange
from gridseval.results.compare.motion import changes_data, figure_changes, motion_section
from gridseval.results.run.assets_note import foreign_packages_of
from gridseval.results.run.resuming import mixed_notes
from gridseval.results.stats.rates import Tally, tally
from gridseval.results.tables.document import MISSING, Document, Section
from gridseval.results.tables.markup import as_markdown
from gridseval.results.tables.sections import rate_text
from gridseval.results.tables.summary_json import to_json
from gridseval.results.tables.text import as_text

COMPARE_SCHEMA = 1
_MOST_FLIPS = 20


def compare_text(comparison: Comparison) -> str:
    """Return the comparison for a terminal of 80 columns, without a line feed at the end."""
    return as_text(describe_comparison(comparison))


def compare_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown."""
    return as_markdown(describe_comparison(comparison))


def compare_json(comparison: Comparison) -> str:
    """Return the comparison as JSON.

    Keys (schema 1; rates are fractions, differences are second minus first, ``null`` stands where
    there is nothing to compute from)::

        schema, identical
        first, second   label, paths
        settings        list of lines "key: first -> second" for what differs in run.yaml
        pairs           both, lost (solved by the first only), won, neither: of episodes that are
                        counted in both
        difference      estimate, lower, upper (95 %), or null
        p_value         exact McNemar, two-sided
        suites, tasks   lists of: suite, task (null for a suite), first, second (each successes,
                        counted, errors, success_rate), lost, won
        episodes        in_both, only_first, only_second, recorded (actions in both runs),
                        different (recorded actions that differ)
        figures         list of: name (steps, completion_s, or of motion), first, second (means over
                        the episodes that both solved), difference (value, count, lower, upper)
        flips           list of: suite, task, trial, first, second (each status, steps, video),
                        first_different_step (from 0; null if not recorded)
        notes           list of texts: what else a reader must know
    """
    c = comparison
    data = {
        "schema": COMPARE_SCHEMA,
        "identical": c.identical,
        **{
            name: {"label": run.label, "paths": [str(path) for path in run.paths]}
            for name, run in (("first", c.first), ("second", c.second))
        },
        "settings": list(c.settings),
        "pairs": vars(c.counts),
        "difference": vars(c.difference) if c.difference else None,
        "p_value": c.p_value,
        "suites": [_change_data(change) for change in c.suites],
        "tasks": [_change_data(change) for change in c.tasks],
        "episodes": {
            "in_both": len(c.pairs),
            "only_first": len(c.only_first),
            "only_second": len(c.only_second),
            "recorded": sum(pair.recorded for pair in c.pairs),
            "different": sum(pair.equal_steps is not None for pair in c.pairs),
        },
        "figures": changes_data(figure_changes(c.pairs)),
        "flips": [_flip_data(pair) for pair in c.flips],
        "notes": [*_counts_notes(c), *_run_notes(c)],
    }
    return to_json(data)


def describe_comparison(comparison: Comparison) -> Document:
    """Return what changed: rates, tasks, flipped episodes, and where trajectories part."""
    if comparison.identical:
        return Document(_identical(comparison), (), tuple(_notes(comparison)))
    sections = [
        _rates(comparison),
        _tasks(comparison),
        _flips(comparison),
        motion_section(figure_changes(comparison.pairs), comparison.counts.both),
    ]
    return Document(
        title=f"A = {comparison.first.label}, B = {comparison.second.label}",
        sections=tuple(section for section in sections if section is not None),
        notes=(*_verdict(comparison), *_trajectories(comparison), *_notes(comparison)),
    )


def _identical(c: Comparison) -> str:
    count = len(c.pairs)
    recorded = sum(pair.recorded for pair in c.pairs)
    same = (
        f"{c.first.label} and {c.second.label} are identical: {count} episodes with the same "
        "outcomes and steps"
    )
    if not recorded:
        return f"{same} (actions are not in both runs; run --record-actions keeps them)"
    where = "" if recorded == count else f" in the {recorded} that both runs recorded"
    return f"{same}, and the same actions to the bit{where}"


def _rates(c: Comparison) -> Section:
    rows = [
        (
            change.first.suite,
            rate_text(tally(change.first.records)),
            rate_text(tally(change.second.records)),
            str(change.counts.lost),
            str(change.counts.won),
        )
        for change in c.suites
    ]
    header = ("suite", "A", "B", "lost by B", "won by B")
    return Section("success in %, with 95 % interval", header, tuple(rows))


def _tasks(c: Comparison) -> Section | None:
    changed = [change for change in c.tasks if change.counts.lost or change.counts.won]
    if not changed:
        return None
    changed.sort(key=lambda change: change.counts.won - change.counts.lost)
    rows = [
        (
            str(change.first.task),
            _task_label(c, change),
            _solved(tally(change.first.records)),
            _solved(tally(change.second.records)),
            str(change.counts.lost),
            str(change.counts.won),
        )
        for change in changed
    ]
    header = ("#", "task", "solved by A", "by B", "lost", "won")
    return Section("tasks that changed", header, tuple(rows), stub=2, text_column=1)


def _task_label(c: Comparison, change: TaskChange) -> str:
    label = change.first.label
    return f"{change.first.suite}: {label}" if len(c.suites) > 1 else label


def _solved(counts: Tally) -> str:
    return f"{counts.successes}/{counts.counted}"


def _flips(c: Comparison) -> Section | None:
    if not c.flips:
        return None
    rows = [
        (
            pair.first.suite,
            str(pair.first.task),
            str(pair.first.trial),
            f"{pair.first.status} → {pair.second.status}",
            str(pair.first.steps),
            str(pair.second.steps),
            _parting(pair),
        )
        for pair in c.flips[:_MOST_FLIPS]
    ]
    more = len(c.flips) - len(rows)
    rest = f" (the first {_MOST_FLIPS}; --format json has {more} more)" if more else ""
    header = ("suite", "task", "trial", "A → B", "steps A", "steps B", "equal steps")
    return Section(f"episodes that flipped{rest}", header, tuple(rows))


def _parting(pair: Pair) -> str:
    return MISSING if pair.equal_steps is None else str(pair.equal_steps)


def _verdict(c: Comparison) -> Iterator[str]:
    counts = c.counts
    if c.difference is None:
        yield "no episode is counted in both runs"
        return
    d = c.difference
    yield (
        f"B − A on {counts.pairs} common episodes: {100 * d.estimate:+.1f} % (95 % interval "
        f"{100 * d.lower:+.1f} to {100 * d.upper:+.1f}); exact McNemar p = {c.p_value:.2g}"
    )
    yield (
        f"solved by both {counts.both}, by A only {counts.lost}, by B only {counts.won}, by none "
        f"{counts.neither}"
    )


def _trajectories(c: Comparison) -> Iterator[str]:
    recorded = [pair for pair in c.pairs if pair.recorded]
    if not recorded:
        yield (
            "where trajectories part is unknown: actions/ is not in both runs "
            "(gridseval run --record-actions keeps it)"
        )
        return
    parted = [(pair.equal_steps, pair) for pair in recorded if pair.equal_steps is not None]
    yield f"{len(recorded) - len(parted)} of {len(recorded)} trajectories are equal to the bit"
    if parted:
        steps, pair = min(parted, key=lambda item: item[0])
        yield (
            f"the first to part is trial {pair.first.trial} of task {pair.first.task} of "
            f"{pair.first.suite}, after {steps} equal steps"
        )


def _notes(c: Comparison) -> Iterator[str]:
    yield from _counts_notes(c)
    yield from _run_notes(c)
    if c.settings:
        yield "settings that differ (A -> B):"
        yield from (f"  {line}" for line in c.settings)


def _counts_notes(c: Comparison) -> Iterator[str]:
    for name, keys in (("A", c.only_first), ("B", c.only_second)):
        if keys:
            yield f"{len(keys)} episodes are in {name} only"
    errors = sum(pair.first.success is None or pair.second.success is None for pair in c.pairs)
    if errors:
        yield f"{errors} episodes ended in a technical error in A or B and are not compared"


def _run_notes(c: Comparison) -> Iterator[str]:
    for name, run in (("A", c.first), ("B", c.second)):
        yield from run.notes
        yield from (f"simulator of {name}: {each}" for each in foreign_packages_of(run.manifest))
        yield from (f"{name} is {each}" for each in mixed_notes(run.manifest))


def _change_data(change: TaskChange) -> dict[str, Any]:
    return {
        "suite": change.first.suite,
        "task": change.first.task,
        "first": _tally_data(tally(change.first.records)),
        "second": _tally_data(tally(change.second.records)),
        "lost": change.counts.lost,
        "won": change.counts.won,
    }


def _tally_data(counts: Tally) -> dict[str, Any]:
    return {
        "successes": counts.successes,
        "counted": counts.counted,
        "errors": counts.errors,
        "success_rate": counts.rate,
    }


def _flip_data(pair: Pair) -> dict[str, Any]:
    suite, task, trial = pair.first.key
    return {
        "suite": suite,
        "task": task,
        "trial": trial,
        **{
            name: {"status": record.status, "steps": record.steps, "video": record.video}
            for name, record in (("first", pair.first), ("second", pair.second))
        },
        "first_different_step": pair.equal_steps,
    }
