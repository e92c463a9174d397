"""Which parameters of a perturbation go with failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_doubles import MakeRun, line

from gridseval.report import read_runs, write_report
from gridseval.report.sensitivity import sensitivities


@pytest.fixture
def perturbed(make_run: MakeRun) -> Path:
    """A run that fails at large azimuths of either sign, whatever the light."""
    rng = np.random.default_rng(3)
    records = []
    for trial in range(200):
        azimuth, diffuse = rng.uniform(-60, 60), rng.uniform(0, 1)
        solved = rng.random() < 1 / (1 + np.exp((abs(azimuth) - 30) / 6))
        perturb: dict[str, Any] = {
            "camera": {"strength": 3, "azimuth": azimuth, "elevation": 2.0},
            "light": {"diffuse": diffuse, "colour": "ff0000"},
            "applied": {"camera": {"azimuth": azimuth}},
        }
        status = "success" if solved else "failure"
        records.append(line(0, trial, status=status, extra={"perturb": perturb}))
    return make_run("run", records)


def test_what_goes_with_failure_is_named_first(perturbed: Path) -> None:
    (run,) = read_runs([perturbed])
    first, second = sensitivities(run)
    assert (first.name, second.name) == ("|camera azimuth|", "light diffuse")
    assert first.strong and not second.strong
    assert first.p_value < 1e-10
    rates = [each.y for each in first.bins]
    assert rates == sorted(rates)  # downwards on the drawing
    solved = [tuple(map(int, each.solved.split("/"))) for each in first.bins]
    assert sum(count for _, count in solved) == 200
    assert all(35 <= count <= 45 for _, count in solved)
    records = [each.success for each in run.records]
    assert sum(successes for successes, _ in solved) == sum(bool(each) for each in records)


def test_the_page_shows_it(perturbed: Path) -> None:
    text = write_report(read_runs([perturbed])).read_text(encoding="utf-8")
    assert "Success over what was perturbed" in text
    assert text.index("|camera azimuth|") < text.index("light diffuse")
    assert text.count('<span class="mark">strong</span>') == 2  # the legend, and one parameter


def test_a_run_without_perturbations_has_no_such_part(make_run: MakeRun) -> None:
    text = write_report(read_runs([make_run("run", [line(0, 0)])])).read_text(encoding="utf-8")
    assert "Success over what was perturbed" not in text


@pytest.mark.parametrize("solved", [0, 40])
def test_equal_outcomes_have_no_fit(make_run: MakeRun, solved: int) -> None:
    records = [
        line(
            0,
            trial,
            status="success" if trial < solved else "failure",
            extra={"perturb": {"camera": {"azimuth": float(trial)}}},
        )
        for trial in range(40)
    ]
    (run,) = read_runs([make_run("run", records)])
    (found,) = sensitivities(run)
    assert found.finding == "no fit: all outcomes are equal"
    assert not found.strong and not found.line


@pytest.mark.parametrize("value", ["text", None, True, [1], {}])
def test_what_is_no_number_is_left_out(make_run: MakeRun, value: Any) -> None:
    records = [
        line(0, trial, status="success", extra={"perturb": {"camera": {"azimuth": value}}})
        for trial in range(40)
    ]
    (run,) = read_runs([make_run("run", records)])
    assert sensitivities(run) == ()
