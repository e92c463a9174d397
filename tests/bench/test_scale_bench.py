"""``gridseval bench --scale`` and ``--memory``: what the driver and a worker cost."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gridseval.bench.memory import measure_memory, memory_text
from gridseval.bench.scale import ScalePlan, measure_scale
from gridseval.bench.simulated_pool import SimulatedPool
from gridseval.cli import main
from gridseval.envs.pool.messages import Start
from gridseval.rollout import EpisodeQueue
from gridseval.suites import Episode


def exit_code(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


def test_scale_measures_the_driver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "scale.json"
    arguments = ["bench", "--scale", "--workers", "16", "--trials", "8", "--json", str(figures)]
    assert exit_code(arguments) == 0
    shown = capsys.readouterr().out
    assert "16 simulated workers" in shown
    assert "80 records" in shown
    assert max(map(len, shown.splitlines())) <= 80
    told = json.loads(figures.read_text())
    assert told["plan"] == {"workers": 16, "episodes": 80, "records": 80, "seed": 0}
    # An episode takes 3 to 10 s of simulated time, so 16 workers cannot do more than 6 a second.
    assert 0.5 < told["simulated_per_s"] < 6
    assert told["episodes_per_s"] > told["simulated_per_s"]
    assert told["share"] == pytest.approx(told["simulated_per_s"] / told["episodes_per_s"])
    assert 20 < told["peak_mb"] < 500


@pytest.mark.parametrize("wrong", [["--workers", "0"], ["--trials", "0"], ["--memory"]])
def test_scale_refuses(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["bench", "--scale", *wrong]) == 2
    assert "--scale" in capsys.readouterr().err


def test_long_runs_take_linear_time_and_little_memory() -> None:
    short, long = (
        measure_scale(ScalePlan(workers=8, episodes=20, records=records), lambda _: None)
        for records in (2_000, 20_000)
    )
    # Ten times the records: twice as much again allows for a busy machine.
    assert long.read_s < 30 * max(short.read_s, 0.03)
    assert long.tables_s < 30 * max(short.tables_s, 0.05)
    # 4.5 kB for each record; before, each took 8 kB.
    assert long.peak_mb - short.peak_mb < 18_000 * 0.006


def test_the_queue_of_many_scenes_takes_linear_time() -> None:
    def took_s(scenes: int) -> float:
        queue = EpisodeQueue([Episode("s", task, 0) for task in range(scenes)])
        began_s = time.process_time()
        for number in range(scenes):
            assert queue.take(number % 64) is not None
        assert queue.take(0) is None
        return time.process_time() - began_s

    assert took_s(20_000) < 40 * max(took_s(2_000), 0.005)


def test_simulated_workers_answer_in_the_order_of_their_times() -> None:
    pool = SimulatedPool(4, step_s=1000.0, steps=10)
    for slot in range(4):
        pool.send(slot, Start(0, slot))
    order = [reply.slot for _ in range(4) for reply in pool.wait()]
    assert sorted(order) == [0, 1, 2, 3]
    assert pool.elapsed_s > 1000
    assert pool.wait() == []


def test_a_worker_keeps_one_scene_and_nothing_of_its_compilation(assets: Path) -> None:
    measured = measure_memory("libero_object", str(assets), images=False)
    by_name = {stage.name: stage for stage in measured.stages}
    compiled = by_name["compiled model, first observation"]
    another = by_name["another task in its place"]
    assert 100 < compiled.resident_mb < 350
    assert another.resident_mb < compiled.resident_mb + 50  # the first scene's model takes 96
    assert compiled.proportional_mb <= compiled.resident_mb <= measured.peak_mb
    assert max(map(len, memory_text({"without images": measured}).splitlines())) <= 80


def test_a_worker_with_images_fits(assets: Path) -> None:
    measured = measure_memory("libero_object", str(assets), images=True)
    assert "renderer, first images" in [stage.name for stage in measured.stages]
    assert 200 < measured.stages[-1].resident_mb < 520
