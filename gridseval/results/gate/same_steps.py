"""The gate of a deterministic policy: every episode must be the baseline's, step for step.

The scripted expert acts the same in the same environment. A changed number of steps then says that
the environment changed: its code, MuJoCo or the models. No test is needed, one episode is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from gridseval.results.gate.holm import Check
from gridseval.results.gate.rules import GateRules
from gridseval.results.gate.tests import baseline_checks
from gridseval.results.gate.verdict import Verdict, cannot_tell, incomparable, unfit
from gridseval.results.run.comparable import run_differences
from gridseval.results.run.reading import Run
from gridseval.results.run.record import EpisodeRecord

Pair: TypeAlias = tuple[EpisodeRecord, EpisodeRecord]
_NAMED = 5
_DECIDED_BY = ("policy", "replan")
"""What else must be equal, of all that two runs may differ in for other gates."""


def gate_on_steps(run: Run, baseline: Run, rules: GateRules) -> Verdict:
    """Compare outcome and steps of all episodes; one that ended in an error differs, too.

    Args:
        run: The run.
        baseline: An earlier run of the same policy and of the same episodes.
        rules: ``max_errors`` and ``force`` count. Force accepts another environment, never that
            episodes are missing.
    """
    reasons, notes = list(_reasons(run, baseline)), run.notes
    pairs = _pairs(run, baseline)
    lacking = [*unfit(run, rules), *unfit(baseline, rules), *_unpaired(pairs, run, baseline)]
    if lacking or (reasons and not rules.force):
        return cannot_tell("; ".join([*reasons, *lacking]), run, baseline.label, (), notes)
    notes = (*notes, *(f"forced although {reason}" for reason in reasons))
    moved = [pair for pair in pairs if _result(pair[0]) != _result(pair[1])]
    counted = f"{len(pairs)} episodes of {run.label} and {baseline.label}"
    checks = tuple(_checks(pairs, moved))
    if not moved:
        sentence = f"Pass: outcome and steps are the same in all {counted}."
        return Verdict("pass", sentence, run.label, baseline.label, checks, notes)
    other = sum(before.status != after.status for before, after in moved)
    named = ", ".join(_named(pair) for pair in moved[:_NAMED])
    more = ", …" if len(moved) > _NAMED else ""
    sentence = (
        f"Regression: {len(moved)} of {counted} differ in outcome or steps, {other} of them in "
        f"outcome: {named}{more}."
    )
    return Verdict("regression", sentence, run.label, baseline.label, checks, notes)


def _pairs(run: Run, baseline: Run) -> list[Pair]:
    after = {record.key: record for record in run.records}
    befores = sorted(baseline.records, key=lambda record: record.key)
    return [(before, after[before.key]) for before in befores if before.key in after]


def _unpaired(pairs: Sequence[Pair], run: Run, baseline: Run) -> Iterator[str]:
    """Yield that the runs are not of the same episodes, if so."""
    if not pairs:
        yield "no episode is in both runs"
    elif len(pairs) < max(len(run.records), len(baseline.records)):
        yield (
            f"only {len(pairs)} episodes are in both runs: {run.label} has {len(run.records)}, "
            f"{baseline.label} has {len(baseline.records)}"
        )


def _reasons(run: Run, baseline: Run) -> Iterator[str]:
    yield from incomparable(run_differences(baseline, run))
    for key in _DECIDED_BY:
        if run.manifest.get(key) != baseline.manifest.get(key):
            yield f"{key} in run.yaml is another one, which alone may change every step"


def _checks(pairs: Sequence[Pair], moved: Sequence[Pair]) -> Iterator[Check]:
    """Yield each suite and task with its rates; regressed is what has an episode that differs."""
    places = {(before.suite, task) for before, _ in moved for task in (None, before.task)}
    befores, afters = zip(*pairs, strict=True)
    for check in baseline_checks(befores, afters):
        differs = (check.suite, check.task) in places
        yield replace(check, p_value=None, regressed=differs)


def _result(record: EpisodeRecord) -> tuple[str, int]:
    return record.status, record.steps


def _named(pair: Pair) -> str:
    before, after = pair
    place = f"task {before.task} trial {before.trial} of {before.suite}"
    return f"{place} {before.status} {before.steps} → {after.status} {after.steps}"
