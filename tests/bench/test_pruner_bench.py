"""The timing of pruners, with sizes that take no time."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from plug_in import write_distribution

from gridseval.bench import pruners
from gridseval.bench.nano import NanoTime, measure_nano, nano_text
from gridseval.bench.pruners import BenchSizes, measure_pruners, time_in_turns
from gridseval.cli.bench import command
from gridseval.errors import UsageError
from gridseval.policies.nano import NanoConfig
from gridseval.tokens.pruners import list_pruners, usable_pruners

TINY = BenchSizes(dim=8, layers=6, heads=1, lightvla_dim=8, repeats=2)
SMALL = NanoConfig(encoder_layers=1, encoder_width=16, layers=6, width=32, mlp=32)


def test_every_pruner_is_timed_at_work() -> None:
    threads = torch.get_num_threads()
    done: list[str] = []
    bench = measure_pruners(list_pruners(), TINY, done.append)
    assert torch.get_num_threads() == threads
    assert [time.name for time in bench.pruners] == list(list_pruners())
    assert done == [*list_pruners(), "products"]
    kept = {time.name: time.kept for time in bench.pruners}
    assert (kept["dense"], kept["grids"], kept["fastv"]) == (512, 32, 256)
    assert kept["vla_pruner"] == 256, "it is timed when its history is full"
    assert kept["sparsevlm"] < 256, "all its places are timed"
    assert all(time.best_ms > 0 for time in bench.pruners)
    assert bench.lightvla_ratio == pytest.approx(bench.lightvla_ms / bench.products_ms)


def test_calls_take_turns_and_the_first_does_not_count() -> None:
    order: list[str] = []
    calls = [functools.partial(order.append, name) for name in ("a", "b")]
    times = time_in_turns(calls, 3)
    assert order == ["a", "b"] * 4
    assert [len(taken) for taken in times] == [3, 3]


@pytest.mark.parametrize(("pruner_ms", "verdict"), [(0.5, "within the 2 %"), (3, "more than")])
def test_grids_share_is_judged(pruner_ms: float, verdict: str) -> None:
    text = nano_text((NanoTime("dense", 512, 100, 50), NanoTime("grids", 32, 50, pruner_ms)))
    assert f"grids: {verdict}" in text.splitlines()[-1]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = functools.partial(measure_pruners, sizes=TINY)
    monkeypatch.setattr(pruners, "measure_pruners", tiny)
    small = functools.partial(measure_nano, repeats=1, config=SMALL)
    monkeypatch.setattr("gridseval.bench.nano.measure_nano", small)
    path = tmp_path / "pruners.json"
    result = CliRunner().invoke(command, ["--pruners", "--json", str(path)])
    assert result.exit_code == 0, result.output
    assert "matrix products alone" in result.stdout
    for name in list_pruners():
        assert f"\n{name} " in result.stdout
    written = json.loads(path.read_text(encoding="utf8"))
    assert {row["name"] for row in written["pruners"]} == set(list_pruners())
    assert written["lightvla_ratio"] > 0
    assert {row["name"] for row in written["nano"]} == set(list_pruners())
    assert all(0 < row["pruner_ms"] < row["pass_ms"] for row in written["nano"])
    kept = {row["name"]: row["kept"] for row in written["nano"]}
    assert (kept["dense"], kept["grids"]) == (512, 32)


def test_a_pruner_of_ones_own_is_timed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruners, "measure_pruners", functools.partial(measure_pruners, sizes=TINY))
    small = functools.partial(measure_nano, repeats=1, config=SMALL)
    monkeypatch.setattr("gridseval.bench.nano.measure_nano", small)
    file = tmp_path / "own.py"
    file.write_text(
        "from gridseval.tokens.pruners.dense import Dense\nclass Own(Dense):\n    name = 'own'\n"
    )
    result = CliRunner().invoke(command, ["--pruners", "--pruner", f"{file}:Own"])
    assert result.exit_code == 0, result.output
    assert "own.py:Own" in result.stdout
    assert "\ngrids " not in result.stdout
    alone = CliRunner().invoke(command, ["--pruner", "grids"])
    assert isinstance(alone.exception, UsageError)


def test_a_broken_plug_in_is_left_out_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(
        tmp_path,
        "[gridseval.pruners]\nbroken = no_such_module:Thing\n"
        "also_dense = gridseval.tokens.pruners.dense:Dense\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    usable, failed = usable_pruners()
    assert "also_dense" in usable
    assert "broken" not in usable
    (reason,) = failed
    assert "cannot import 'no_such_module' for pruner 'broken'" in reason
