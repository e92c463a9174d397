from __future__ import annotations

from dataclasses import replace

import pytest

from gridseval.bench.episode import EpisodeTimes
from gridseval.bench.figures import PLAIN, compute_figures
from gridseval.bench.measurements import Measurements, Round, Stepping
from gridseval.bench.plan import BenchPlan, Loop
from gridseval.bench.tables import as_text

PLAN = BenchPlan("libero_spatial", "0", 1, 16, 2, None, 7)
EPISODE = EpisodeTimes(
    trial=0,
    steps=16,
    wall_s=4.0,
    reset_s=2.0,
    resetting_s=1.0,
    physics_s=0.5,
    rendering_s=2.0,
    policy_s=0.1,
    images=40,
    cpu_s=6.0,
    state="00",
)


def measurements() -> Measurements:
    quick = replace(EPISODE, wall_s=1.0, reset_s=0.5, resetting_s=0.25, rendering_s=0.2, cpu_s=1.5)
    quick = replace(quick, images=4)
    return Measurements(
        backend="egl",
        renderer="llvmpipe",
        plain=[EPISODE],
        rounds={
            Loop(1, 1): [Round(1.0, (quick,))],
            Loop(8, 1): [Round(1.0, (quick,))],
            Loop(1, 2): [Round(1.25, (quick, quick))],
            Loop(8, 2): [Round(1.0, (quick, quick))],
        },
        stepping=[Stepping(8.0, 4.0, 2.0, True)],
        compile_s=[3.0],
    )


def test_figures_of_known_times() -> None:
    figures = compute_figures(PLAN, measurements())
    plain = figures.loops[PLAIN]
    assert plain.steps_per_s == pytest.approx(8.0)
    assert plain.episodes_per_hour == pytest.approx(900)
    assert plain.image_ms == pytest.approx(50)
    assert set(plain.ratios.values()) == {1.0}
    one, two = figures.loops["chunk 1, 1 worker"], figures.loops["chunk 1, 2 workers"]
    assert one.ratios["episodes_per_hour"] == pytest.approx(4.0)
    assert one.ratios["reset_s"] == one.ratios["cpu_s"] == pytest.approx(0.25)
    assert two.episodes_per_hour == pytest.approx(2 * 3600 / 1.25)
    assert two.steps_per_s == pytest.approx(64)
    assert figures.scaling == {1: pytest.approx(1.6), 8: pytest.approx(2.0)}


def test_shares_add_up() -> None:
    shares = compute_figures(PLAN, measurements()).loops[PLAIN].shares
    assert shares.reset == pytest.approx(0.25)
    assert shares.rendering == pytest.approx(0.5)
    assert shares.physics == pytest.approx(0.125)
    assert shares.policy == pytest.approx(0.025)
    assert shares.other == pytest.approx(0.1)


def test_floor_counts_settle_steps_and_the_images_that_a_policy_sees() -> None:
    floors = compute_figures(PLAN, measurements()).floors
    assert set(floors) == {"chunk 1, 1 worker", "chunk 8, 1 worker"}
    each, eighth = floors["chunk 1, 1 worker"], floors["chunk 8, 1 worker"]
    assert each.physics_s == eighth.physics_s == pytest.approx(26 * 0.002)
    assert each.images_s == pytest.approx(2 * 16 * 0.05)
    assert eighth.images_s == pytest.approx(2 * 2 * 0.05)
    assert eighth.times_floor == pytest.approx(1.0 / (0.052 + 0.2))


def test_text_says_so_if_states_differ() -> None:
    measured = measurements()
    text = as_text(PLAN, measured, compute_figures(PLAN, measured))
    assert "THEY DIFFER" not in text
    assert max(map(len, text.splitlines())) <= 80
    measured.bits_equal = False
    assert "THEY DIFFER" in as_text(PLAN, measured, compute_figures(PLAN, measured))


def test_unknown_processor_time_is_a_dash() -> None:
    measured = measurements()
    measured.plain = [replace(EPISODE, cpu_s=None)]
    figures = compute_figures(PLAN, measured)
    assert figures.loops[PLAIN].cpu_s is None
    assert figures.loops["chunk 1, 1 worker"].ratios["cpu_s"] is None
    assert " - " in as_text(PLAN, measured, figures)
