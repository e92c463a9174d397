"""The gate of a CI: pass, regression, or cannot tell, and why in one sentence.

A *regression* is shown, not guessed: a one-sided exact test rejects "not worse" at α, corrected
for the number of tests, and the measured drop is larger than what is tolerated. With no real
difference that happens with a probability of at most α. A *pass* needs enough episodes to have
shown a drop that matters; otherwise, and where the runs are not comparable, one *cannot tell*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gridseval.config import build
from gridseval.errors import OutputError, UsageError
from gridseval.results.gate.holm import Check, decided
from gridseval.results.gate.power import Power, paired_gate_power, threshold_gate_power
from gridseval.results.gate.rules import GateRules
from gridseval.results.gate.tests import baseline_checks, published_checks, threshold_checks
from gridseval.results.gate.words import pass_sentence, points, regression_sentence
from gridseval.results.run.assets_note import measured_notes
from gridseval.results.run.comparable import fewer_steps, published_differences, run_differences
from gridseval.results.run.published import PublishedRow
from gridseval.results.run.reading import Run
from gridseval.results.stats.rates import tally
from gridseval.results.stats.sequential import RunMonitor, SequentialRule

Conclusion: TypeAlias = Literal["pass", "regression", "cannot tell"]
EXIT_CODES: Mapping[str, int] = {"pass": 0, "regression": 1, "cannot tell": 2}


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Args:
        conclusion: ``"pass"``, ``"regression"`` or ``"cannot tell"``.
        sentence: Why.
        run: The run's name.
        against: What it was compared with.
        checks: Every suite, each followed by its tasks.
        notes: What else a reader must know, one sentence each.
    """

    conclusion: Conclusion
    sentence: str
    run: str
    against: str
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 pass, 1 regression, 2 cannot tell."""
        return EXIT_CODES[self.conclusion]


def gate_on_baseline(run: Run, baseline: Run, rules: GateRules) -> Verdict:
    """Compare a run with an earlier one, episode by episode."""
    differences = run_differences(baseline, run, fewer_steps_count=True)
    reasons = [*incomparable(differences), *unfit(run, rules), *unfit(baseline, rules)]
    checks = decided(baseline_checks(baseline.records, run.records), rules.alpha, rules.max_drop)
    if not checks:
        return cannot_tell("no episode is counted in both runs", run, baseline.label)
    pairs = sum(check.episodes for check in checks if check.task is None)
    notes = [f"{pairs} of {len(run.records)} and {len(baseline.records)} episodes are in both runs"]
    notes += filter(None, [fewer_steps(baseline, run)])
    power = [paired_gate_power(check, baseline.records, run.records, rules) for check in checks]
    return _verdict(run, baseline.label, rules, checks, reasons, notes, _known(power))


def gate_on_threshold(run: Run, threshold: float, rules: GateRules) -> Verdict:
    """Compare a run with a success rate that it has to reach.

    Raises:
        UsageError: The rate is not within 0 and 1.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"--min-success must be above 0 and at most 1, not {threshold:g}")
    against = f"the required {points(threshold)} %"
    sequential = _sequential_verdict(run, threshold, against, rules)
    if sequential is not None:
        return sequential
    checks = decided(threshold_checks(run.records, threshold), rules.alpha, rules.max_drop)
    power = [threshold_gate_power(check, threshold, rules) for check in checks]
    return _verdict(run, against, rules, checks, list(unfit(run, rules)), [], _known(power))


def gate_on_published(run: Run, rows: Mapping[str, PublishedRow], rules: GateRules) -> Verdict:
    """Compare a run with published rates.

    Args:
        run: The run.
        rows: One policy's published rates by suite.
        rules: When to fire.
    """
    family = next(iter(rows.values())).family
    against = f"the published {family}"
    missing = [suite for suite in run.suites if suite not in rows]
    reasons = [f"{family} has no published rate on {suite}" for suite in missing]
    reasons += [*incomparable(published_differences(run, rows)), *unfit(run, rules)]
    checks = decided(published_checks(run.records, rows), rules.alpha, rules.max_drop)
    power = [
        threshold_gate_power(check, rows[check.suite].fraction, rules)
        for check in checks
        if check.suite in rows
    ]
    notes = [f"{row.suite}: {row.rate:g} % ({row.source})" for row in rows.values()]
    notes += [
        f"{row.suite}: published without the number of trials, so taken as exact"
        for row in rows.values()
        if row.trials is None and row.suite in run.suites
    ]
    return _verdict(run, against, rules, checks, reasons, notes, _known(power))


def _verdict(
    run: Run,
    against: str,
    rules: GateRules,
    checks: Sequence[Check],
    reasons: Sequence[str],
    notes: Sequence[str],
    powers: Sequence[Power],
) -> Verdict:
    notes = (*notes, *_models(run), *run.notes)
    if reasons and rules.force:
        notes = (*notes, *(f"forced although {reason}" for reason in reasons))
    elif reasons:
        return cannot_tell("; ".join(reasons), run, against, checks, notes)
    if not any(check.episodes for check in checks):
        return cannot_tell("no episode is counted", run, against, checks, notes)
    if any(check.regressed for check in checks):
        sentence = regression_sentence(checks, against, rules.alpha)
        return Verdict("regression", sentence, run.label, against, tuple(checks), tuple(notes))
    weak = [power for power in powers if power.power < rules.power]
    if weak:
        reason = "; ".join(power.sentence(rules.detect, rules.power) for power in weak)
        return cannot_tell(reason, run, against, checks, notes)
    sentence = pass_sentence(checks, against, rules.max_drop)
    return Verdict("pass", sentence, run.label, against, tuple(checks), tuple(notes))


def cannot_tell(
    reason: str,
    run: Run,
    against: str,
    checks: Sequence[Check] = (),
    notes: Sequence[str] = (),
) -> Verdict:
    """Return the verdict of a gate that has too little to go by."""
    sentence = f"Cannot tell: {reason}."
    return Verdict("cannot tell", sentence, run.label, against, tuple(checks), tuple(notes))


def _models(run: Run) -> Iterator[str]:
    if run.manifest:
        yield from measured_notes(run.manifest)


def _known(powers: Sequence[Power | None]) -> list[Power]:
    return [power for power in powers if power is not None]


def incomparable(differences: Sequence[str]) -> Iterator[str]:
    """Yield one reason for all that makes two runs incomparable."""
    if differences:
        more = f" (and {len(differences) - 3} more differences)" if len(differences) > 3 else ""
        yield f"the runs are not comparable: {', '.join(differences[:3])}{more}"


def unfit(run: Run, rules: GateRules) -> Iterator[str]:
    """Yield why a run says too little about its policy: incomplete, or too many errors."""
    done, expected = len(run.records), run.manifest.get("episodes")
    stopped = run.manifest.get("stopped")
    if isinstance(stopped, Mapping) and stopped.get("early"):
        yield f"{run.label} was stopped early, when what it was asked was decided"
    elif isinstance(expected, int) and done < expected:
        yield f"{run.label} is incomplete: {done} of {expected} episodes"
    yield from _too_many_errors(run, rules)


def _too_many_errors(run: Run, rules: GateRules) -> Iterator[str]:
    done, errors = len(run.records), tally(run.records).errors
    is_share = rules.max_errors < 1
    if errors > (rules.max_errors * done if is_share else rules.max_errors):
        allowed = f"{100 * rules.max_errors:g} %" if is_share else f"{rules.max_errors:g}"
        yield f"{errors} of {done} episodes of {run.label} ended as error, above {allowed}"


def _sequential_verdict(
    run: Run, threshold: float, against: str, rules: GateRules
) -> Verdict | None:
    """Return what the sequential test of a run decided about this very threshold, if it did.

    A test for a fixed number of episodes must not be applied to a number that depended on them.
    """
    monitor = _replayed(run)
    if monitor is None or monitor.test.decision is None:
        return None
    rule, test = monitor.test.rule, monitor.test
    if abs(rule.p_good - threshold) > 1e-9 or rule.alpha != rules.alpha:
        return None
    checks = threshold_checks(run.records, threshold)
    reasons = list(_too_many_errors(run, rules))
    if reasons and not rules.force:
        return cannot_tell("; ".join(reasons), run, against, checks)
    good = test.decision == "good"
    word, verb = ("Pass", "is not shown to miss") if good else ("Regression", "misses")
    sentence = (
        f"{word}: {run.label} {verb} {against}, as its sequential test decided after "
        f"{test.episodes} of {test.planned} episodes"
        f"{'' if good else f' (α = {rule.alpha:g})'}."
    )
    conclusion: Conclusion = "pass" if good else "regression"
    return Verdict(conclusion, sentence, run.label, against, checks, (*_models(run), *run.notes))


def _replayed(run: Run) -> RunMonitor | None:
    """Return a run's sequential test, fed its records again; ``None`` without one."""
    rule, tasks, trials = (run.manifest.get(key) for key in ("sequential", "tasks", "trials"))
    suite = str(run.manifest.get("suite"))
    if not (isinstance(rule, Mapping) and isinstance(tasks, list) and isinstance(trials, int)):
        return None
    try:
        built = build(SequentialRule, rule, f"run.yaml of {run.label}: sequential")
    except UsageError as error:
        raise OutputError(error.message, error.hint) from error
    planned = [(suite, task, trial) for trial in range(trials) for task in tasks]
    monitor = RunMonitor(built, planned, len(tasks))
    monitor.take(run.records)
    return monitor
