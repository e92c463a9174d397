"""``gridseval bench --plus`` and ``--noise``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from gridseval.bench.noise import measure_noises, noise_json, noise_text
from gridseval.bench.plus import PlusMeasured, PlusPlan, Way, measure_plus, number_of_parts
from gridseval.bench.plus_text import plus_json, plus_text
from gridseval.cli import main
from gridseval.errors import UsageError


def test_tasks_share_the_base_and_mix_the_dimensions() -> None:
    tasks = PlusPlan("libero_plus_object", base="2", tasks=12).chosen_tasks
    variants = [task.variant for task in tasks]
    assert len({variant.base for variant in variants if variant}) == 1
    counts = Counter(variant.dimension for variant in variants if variant)
    assert counts == {"camera": 4, "robot": 4, "noise": 4}


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"suite": "libero_spatial"}, "libero_plus_spatial"),
        ({"steps": 0}, "0 steps"),
        ({"tasks": 1, "anew": 1}, "at least 2"),
        ({"anew": 0}, "at least 2"),
        ({"tasks": 5000}, "fewer"),
        ({"base": "0,1"}, "one task"),
        ({"base": "77"}, "77"),
    ],
)
def test_plans_that_cannot_be_run(wrong: dict[str, object], names: str) -> None:
    with pytest.raises(UsageError) as caught:
        PlusPlan(**wrong)  # type: ignore[arg-type]
    assert names in str(caught.value)


def test_a_shared_model_gives_the_states_of_a_new_one(assets: Path) -> None:
    done: list[str] = []
    plan = PlusPlan(tasks=3, anew=1, steps=2, assets=str(assets))
    measured = measure_plus(plan, done.append)
    assert len(done) == 4
    assert (measured.shared.tasks, measured.anew.tasks) == (3, 1)
    assert measured.bits_equal
    assert measured.plain is None
    assert json.loads(json.dumps(plus_json(plan, measured)))["bits_equal"] is True


def test_figures_of_a_measurement() -> None:
    ways = Way(20, 30.0, 15.0), Way(4, 60.0, 50.0)
    measured = PlusMeasured(*ways, None, bits_equal=True)
    assert measured.shared.per_minute == 40
    assert measured.anew.per_minute == 4
    assert measured.ratio == 10
    text = plus_text(PlusPlan(), measured)
    assert "10.0 times as fast as built anew; " in text
    assert "equal to the bit" in text
    other = PlusMeasured(*ways, Way(1, 120.0, None), bits_equal=False)
    text = plus_text(PlusPlan(images=True), other)
    assert "80.0 times as the plain loop" in text
    assert "a bug" in text
    assert plus_json(PlusPlan(), other)["plain"] == {
        "tasks": 1,
        "wall_s": 120.0,
        "cpu_s": None,
        "per_minute": 0.5,
    }
    assert (number_of_parts(PlusPlan()), number_of_parts(PlusPlan(images=True))) == (30, 36)


def test_every_noise_is_timed() -> None:
    times = measure_noises(image_px=8, repetitions=1)
    assert sorted(times) == list(range(1, 51))
    text = noise_text({number: 12.0 if number == 33 else 1.0 for number in times}, 8)
    assert "slowest: noise 33, 12.0 ms (over 10 ms)" in text
    assert len(noise_json(times, 8)["ms"]) == 50


def test_one_bench_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--plus", "--noise"])
    assert ended.value.code == 2
    assert "--plus" in capsys.readouterr().err
