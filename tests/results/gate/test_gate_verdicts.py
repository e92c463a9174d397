"""What the gate says of synthetic runs, and how often."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gate_runs import make_run
from numpy.typing import NDArray
from scipy import stats

from gridseval.errors import UsageError
from gridseval.results.gate.holm import decided
from gridseval.results.gate.rules import GateRules
from gridseval.results.gate.tests import baseline_checks, threshold_checks
from gridseval.results.gate.verdict import gate_on_baseline, gate_on_published, gate_on_threshold
from gridseval.results.run.published import PublishedRow

RULES = GateRules()


def _outcomes(rate: float = 1.0, tasks: int = 10, trials: int = 50) -> NDArray[np.int64]:
    """Return outcomes of which a share succeeds, spread over tasks and trials."""
    number = np.arange(tasks * trials).reshape(trials, tasks).T
    return (number * 7919 % (tasks * trials) < rate * tasks * trials).astype(int)


def test_a_run_compared_with_itself_passes() -> None:
    run = make_run(_outcomes(0.9))
    verdict = gate_on_baseline(run, replace(run, label="old"), RULES)
    assert (verdict.conclusion, verdict.exit_code) == ("pass", 0)
    assert verdict.sentence == (
        "Pass: no drop beyond 2 points is shown: libero_goal 90.0 % against 90.0 % of old "
        "(+0.0 points, 95 % interval −0.8 to +0.8, 500 episodes)."
    )


def test_a_task_that_became_impossible_is_named() -> None:
    after = _outcomes(1.0)
    after[3] = 0
    verdict = gate_on_baseline(make_run(after), make_run(_outcomes(1.0), "old"), RULES)
    assert verdict.exit_code == 1
    assert verdict.sentence.startswith(
        "Regression: libero_goal is at 90.0 % against 100.0 % of old"
    )
    assert "worst: task 3 (task_3) of libero_goal (100.0 % → 0.0 %)" in verdict.sentence


def test_a_broken_task_is_named_though_the_average_did_not_move() -> None:
    before, after = _outcomes(0.85), _outcomes(0.85)
    before[3], after[3] = 1, 0
    before[4:8, :13] = 0  # what the others gained
    after[4:8, :13] = 1
    verdict = gate_on_baseline(make_run(after), make_run(before, "old"), RULES)
    regressed = [check.task for check in verdict.checks if check.regressed]
    assert (verdict.exit_code, regressed) == (1, [3])
    assert "task 3 (task_3) of libero_goal is at 0.0 % against 100.0 %" in verdict.sentence
    assert verdict.sentence.endswith(", though the suite's average shows no drop.")


def test_a_drop_spread_over_all_tasks_names_the_lowest() -> None:
    before = np.ones((10, 50), int)
    after = before.copy()
    after[:, :5] = 0
    after[6, :6] = 0
    verdict = gate_on_baseline(make_run(after), make_run(before, "old"), RULES)
    assert verdict.exit_code == 1
    assert "task_6" in verdict.sentence


def test_a_real_drop_within_what_is_tolerated_passes() -> None:
    before = np.ones((10, 50), int)
    after = before.copy()
    after[:, 0] = 0  # 10 of 500 lost, none won: p = 0.001, 2 points
    rules = GateRules(max_drop=0.02)
    assert gate_on_baseline(make_run(after), make_run(before, "old"), rules).conclusion == "pass"
    strict = GateRules(max_drop=0.01)
    assert gate_on_baseline(make_run(after), make_run(before, "old"), strict).exit_code == 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"assets": {"identity": "stand-ins", "hash": "0123"}}, "assets.identity: 'libero' ->"),
        ({"versions": {"mujoco": "3.4.0"}}, "versions.mujoco: '3.3.2' -> '3.4.0'"),
        ({"seed": 8}, "seed: 7 -> 8"),
        ({"max_steps": 600}, "max_steps: 300 -> 600"),
        ({"renderer": "osmesa"}, "renderer: 'egl: llvmpipe' -> 'osmesa'"),
        ({"physics": "fast"}, "physics: (absent) -> 'fast'"),
    ],
)
def test_runs_that_are_not_comparable(changed: dict[str, Any], named: str) -> None:
    old, new = make_run(_outcomes(), "old"), make_run(_outcomes(), **changed)
    verdict = gate_on_baseline(new, old, RULES)
    assert verdict.exit_code == 2
    assert verdict.sentence.startswith("Cannot tell: the runs are not comparable: ")
    assert named in verdict.sentence
    forced = gate_on_baseline(new, old, GateRules(force=True))
    assert forced.exit_code == 0
    assert any(named in note for note in forced.notes)


@pytest.mark.parametrize(
    "changed",
    [
        {"policy": {"name": "other"}},
        {"workers": 9, "video": "all", "started": "now"},
        {"replan": 8},
        {"renderer": None},
    ],
)
def test_the_policy_and_what_decides_nothing_may_differ(changed: dict[str, Any]) -> None:
    verdict = gate_on_baseline(
        make_run(_outcomes(), **changed), make_run(_outcomes(), "old"), RULES
    )
    assert verdict.conclusion == "pass"


def test_fewer_policy_steps_can_only_make_a_run_look_worse() -> None:
    old = make_run(_outcomes(), "old")
    broken = _outcomes()
    broken[3] = 0
    for outcomes, status in ((_outcomes(), 0), (broken, 1)):
        verdict = gate_on_baseline(make_run(outcomes, max_steps=5), old, RULES)
        assert verdict.exit_code == status
        assert any("max_steps: 300 -> 5" in note for note in verdict.notes)


def test_other_prompts_are_not_comparable() -> None:
    new = make_run(_outcomes())
    told = tuple(replace(record, instruction="please") for record in new.records)
    verdict = gate_on_baseline(replace(new, records=told), make_run(_outcomes(), "old"), RULES)
    assert verdict.exit_code == 2
    assert "instruction of task 0 of libero_goal: 'do 0' -> 'please'" in verdict.sentence
    assert "7 more differences" in verdict.sentence


def test_without_run_yaml_one_cannot_tell() -> None:
    old = replace(make_run(_outcomes(), "old"), manifest={})
    verdict = gate_on_baseline(make_run(_outcomes()), old, RULES)
    assert verdict.sentence == (
        "Cannot tell: the runs are not comparable: run.yaml of old is missing."
    )


def test_an_incomplete_run_is_no_verdict() -> None:
    new = make_run(_outcomes(), episodes=600)
    verdict = gate_on_baseline(new, make_run(_outcomes(), "old"), RULES)
    assert (verdict.exit_code, "new is incomplete: 500 of 600" in verdict.sentence) == (2, True)
    assert gate_on_threshold(new, 0.9, RULES).exit_code == 2


@pytest.mark.parametrize(
    ("limit", "errors", "status"), [(0.01, 5, 0), (0.01, 6, 2), (7, 7, 0), (7, 8, 2), (0, 1, 2)]
)
def test_errors_above_the_limit(limit: float, errors: int, status: int) -> None:
    after = _outcomes()
    after.flat[: 60 * errors : 60] = -1
    new, rules = make_run(after), GateRules(max_errors=limit)
    for verdict in (
        gate_on_baseline(new, make_run(_outcomes(), "old"), rules),
        gate_on_baseline(make_run(_outcomes(), "old"), new, rules),
        gate_on_threshold(new, 0.9, rules),
    ):
        assert verdict.exit_code == status
        assert ("ended as error" in verdict.sentence) == (status == 2)


def test_too_few_episodes_to_pass() -> None:
    few = make_run(_outcomes(1.0, trials=5))
    verdict = gate_on_baseline(few, replace(few, label="old"), RULES)
    assert verdict.exit_code == 2
    assert "50 episodes of libero_goal are too few: a drop of 10 points" in verdict.sentence
    assert gate_on_threshold(few, 0.95, RULES).exit_code == 2
    assert gate_on_baseline(few, replace(few, label="old"), GateRules(detect=0.2)).exit_code == 0


def test_few_episodes_are_enough_for_a_clear_regression() -> None:
    before, after = _outcomes(1.0, trials=5), _outcomes(0.3, trials=5)
    verdict = gate_on_baseline(make_run(after), make_run(before, "old"), RULES)
    assert verdict.exit_code == 1


def test_nothing_in_common_or_nothing_at_all() -> None:
    old = make_run(_outcomes(), "old")
    other = tuple(replace(record, trial=record.trial + 100) for record in old.records)
    verdict = gate_on_baseline(replace(old, records=other, label="new"), old, RULES)
    assert (verdict.exit_code, "no episode is counted in both" in verdict.sentence) == (2, True)
    empty = replace(old, records=(), manifest={**old.manifest, "episodes": 0})
    assert gate_on_threshold(empty, 0.9, RULES).exit_code == 2


@pytest.mark.parametrize(("rate", "status"), [(0.97, 0), (0.95, 0), (0.94, 0), (0.9, 1)])
def test_a_threshold(rate: float, status: int) -> None:
    verdict = gate_on_threshold(make_run(_outcomes(rate)), 0.95, RULES)
    assert verdict.exit_code == status
    assert f"libero_goal {'is at ' if status else ''}{100 * rate:.1f} %" in verdict.sentence


def test_a_task_too_low_for_any_average_above_the_threshold_is_named() -> None:
    after = np.ones((10, 50), int)
    after[4, :45] = 0
    verdict = gate_on_threshold(make_run(after), 0.95, GateRules(max_drop=0.05))
    assert verdict.exit_code == 1
    assert [check.task for check in verdict.checks if check.regressed] == [4]


ROWS = {"libero_goal": PublishedRow("mine", "libero_goal", 97.4, 500, "a paper", "openvla")}


@pytest.mark.parametrize(("rate", "status"), [(0.98, 0), (0.96, 0), (0.9, 1)])
@pytest.mark.parametrize("trials", [500, None])
def test_published_rates(rate: float, status: int, trials: int | None) -> None:
    rows = {"libero_goal": replace(ROWS["libero_goal"], trials=trials)}
    verdict = gate_on_published(make_run(_outcomes(rate)), rows, RULES)
    assert verdict.exit_code == status
    assert "97.4 % of the published mine" in verdict.sentence
    assert any("a paper" in note for note in verdict.notes)
    assert any("taken as exact" in note for note in verdict.notes) == (trials is None)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"assets": {"identity": "stand-ins"}}, "assets.identity: 'libero' -> 'stand-ins'"),
        ({"max_steps": 5}, "max_steps: 300 -> 5"),
        ({"env_seed": 7}, "env_seed: 0 -> 7"),
        ({"seeding": "trial"}, "seeding: task -> trial"),
        ({"image_px": 360}, "image_px: 256 -> 360"),
        ({"settle_steps": 0}, "settle_steps: 10 -> 0"),
    ],
)
def test_published_rates_need_the_published_protocol(changed: dict[str, Any], named: str) -> None:
    verdict = gate_on_published(make_run(_outcomes(), **changed), ROWS, RULES)
    assert (verdict.exit_code, named in verdict.sentence) == (2, True)


def test_rates_of_an_unknown_protocol_do_not_compare() -> None:
    rows = {"libero_goal": replace(ROWS["libero_goal"], protocol=None)}
    verdict = gate_on_published(make_run(_outcomes()), rows, RULES)
    assert verdict.exit_code == 2
    assert "protocol: none that its source names" in verdict.sentence


def test_a_run_of_before_protocols_has_one_seed_for_all() -> None:
    old = make_run(_outcomes())
    keys = ("protocol", "env_seed", "seeding", "image_px", "actions")
    manifest = {key: value for key, value in old.manifest.items() if key not in keys}
    verdict = gate_on_published(replace(old, manifest=manifest | {"seed": 0}), ROWS, RULES)
    assert verdict.exit_code == 0
    verdict = gate_on_published(replace(old, manifest=manifest | {"seed": 7}), ROWS, RULES)
    assert "env_seed: 0 -> 7" in verdict.sentence


def test_a_baseline_of_before_protocols_still_counts() -> None:
    keys = ("protocol", "env_seed", "seeding", "image_px", "actions")
    old = make_run(_outcomes(), "old")
    manifest = {key: value for key, value in old.manifest.items() if key not in keys}
    new = make_run(_outcomes(), env_seed=manifest["seed"])
    assert gate_on_baseline(new, replace(old, manifest=manifest), RULES).exit_code == 0
    moved = gate_on_baseline(make_run(_outcomes()), replace(old, manifest=manifest), RULES)
    assert "env_seed: 7 -> 0" in moved.sentence


def test_published_rates_are_of_all_tasks() -> None:
    verdict = gate_on_published(make_run(_outcomes(tasks=3)), ROWS, RULES)
    assert "tasks of libero_goal: 10 -> 3" in verdict.sentence
    other = {"libero_10": replace(ROWS["libero_goal"], suite="libero_10")}
    verdict = gate_on_published(make_run(_outcomes()), other, RULES)
    assert "nothing is published of mine on libero_goal" in verdict.sentence


SEQUENTIAL = {"p_good": 0.95, "p_bad": 0.9, "alpha": 0.05, "beta": 0.05}


@pytest.mark.parametrize(("rate", "status"), [(1.0, 0), (0.5, 1)])
def test_a_run_that_stopped_early_is_judged_by_its_own_test(rate: float, status: int) -> None:
    whole = make_run(_outcomes(rate), sequential=SEQUENTIAL, stopped={"early": True})
    some = tuple(record for record in whole.records if record.trial < 8)
    run = replace(whole, records=some)
    verdict = gate_on_threshold(run, 0.95, RULES)
    assert verdict.exit_code == status
    assert "as its sequential test decided after" in verdict.sentence
    # Of another question it says nothing.
    for other in (
        gate_on_threshold(run, 0.9, RULES),
        gate_on_threshold(run, 0.95, GateRules(alpha=0.1)),
        gate_on_baseline(run, make_run(_outcomes(), "old"), RULES),
    ):
        assert other.exit_code == 2
        assert "new was stopped early" in other.sentence


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_drop": -0.1},
        {"max_drop": 1.0},
        {"alpha": 0.0},
        {"alpha": 0.5},
        {"max_errors": -1.0},
        {"max_errors": float("nan")},
        {"detect": 0.0},
        {"power": 1.0},
    ],
)
def test_impossible_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must be"):
        GateRules(**wrong)
    with pytest.raises(UsageError, match="--min-success"):
        gate_on_threshold(make_run(_outcomes()), 1.5, RULES)


SAMPLES = 4000
SIGMA = 3 * (0.05 * 0.95 / SAMPLES) ** 0.5


def _fired(lost: NDArray[np.int64], won: NDArray[np.int64], trials: int) -> NDArray[np.bool_]:
    """Return which samples the gate calls a regression; lost and won are (samples, tasks).

    The same rule in vectors, so that thousands of runs take seconds; a few are checked against it.
    """
    tasks = lost.shape[1]
    both, drop = np.stack([lost, won]), (lost - won) / trials
    p_tasks = stats.binom.sf(both[0] - 1, both.sum(axis=0), 0.5)
    whole = both.sum(axis=2)
    p_suite = stats.binom.sf(whole[0] - 1, whole.sum(axis=0), 0.5)
    suite_drop = (whole[0] - whole[1]) / (tasks * trials)
    # The first step of Holm's method decides whether anything at all is rejected.
    suite = (p_suite / 0.8 <= 0.05) & (suite_drop > 0.02)
    task = ((p_tasks * tasks / 0.2 <= 0.05) & (drop > 0.02)).any(axis=1)
    return np.asarray(suite | task)


def _flips(
    before: NDArray[np.float64], after: NDArray[np.float64], trials: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw lost and won episodes of independent runs: pairs that help least."""
    rng = np.random.default_rng(seed)
    lost, won = before * (1 - after), after * (1 - before)
    share = np.stack([lost, won, 1 - lost - won], axis=-1)
    drawn = rng.multinomial(trials, share, size=(SAMPLES, len(before)))
    return drawn[..., 0], drawn[..., 1]


RATES = {
    "high": np.full(10, 0.97),
    "middling": np.full(10, 0.7),
    "spread": np.linspace(0.3, 0.99, 10),
}


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("trials", [10, 50])
def test_without_a_real_difference_it_fires_with_alpha_at_most(name: str, trials: int) -> None:
    rates = RATES[name]
    assert _fired(*_flips(rates, rates, trials, seed=1), trials).mean() <= 0.05 + SIGMA


@pytest.mark.parametrize("rate", [0.98, 0.95, 0.9, 0.8])
def test_a_drop_of_ten_points_at_500_episodes_is_caught(rate: float) -> None:
    before = np.full(10, rate)
    fired = _fired(*_flips(before, before - 0.1, 50, seed=2), 50)
    assert fired.mean() >= 0.95


def test_an_impossible_task_is_caught_by_itself() -> None:
    before = np.full(10, 0.9)
    after = np.full(10, 0.99)
    after[4] = 0.0
    lost, won = _flips(before, after, 50, seed=3)
    assert _fired(lost, won, 50).mean() >= 0.999


def test_the_vectors_agree_with_the_gate() -> None:
    rng = np.random.default_rng(6)
    fired = []
    for _ in range(40):
        before = (rng.random((10, 20)) < 0.9).astype(int)
        after = (rng.random((10, 20)) < 0.82).astype(int)
        lost = ((before == 1) & (after == 0)).sum(axis=1)[None]
        won = ((before == 0) & (after == 1)).sum(axis=1)[None]
        records = [make_run(outcomes).records for outcomes in (before, after)]
        checks = decided(baseline_checks(*records), 0.05, 0.02)
        fired.append(any(check.regressed for check in checks))
        assert fired[-1] == _fired(lost, won, 20)[0]
    assert 0 < sum(fired) < 40


@pytest.mark.parametrize("name", RATES)
def test_a_threshold_that_is_met_fires_with_alpha_at_most(name: str) -> None:
    rates = RATES[name]
    mean = float(rates.mean())
    rng = np.random.default_rng(9)
    successes = rng.binomial(20, rates, size=(SAMPLES, 10)).sum(axis=1)
    p_values = stats.binom.cdf(successes, 200, mean)
    assert np.mean(p_values / 0.8 <= 0.05) <= 0.05 + SIGMA
    outcomes = (np.arange(20) < np.round(20 * rates)[:, None]).astype(int)
    (suite, *_) = threshold_checks(make_run(outcomes).records, mean)
    assert suite.p_value == pytest.approx(stats.binom.cdf(outcomes.sum(), 200, mean))
