"""``nano`` with every pruner on a real task, from the simulator's images to the run's table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gridseval.envs.pool.pool import make_pool
from gridseval.envs.pool.settings import EnvSettings
from gridseval.evaluation.config import RunConfig
from gridseval.evaluation.run import evaluate
from gridseval.policies import load_policy
from gridseval.rollout import RolloutPlan, run_episodes
from gridseval.suites import Episode
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners import list_pruners, load_pruner
from gridseval.tokens.pruners.registry import argument_names

WITH_BUDGET = {name for name in list_pruners() if "k" in argument_names(load_pruner(name))}


@pytest.fixture(scope="module")
def pool(assets: Path) -> Iterator[Any]:
    settings = EnvSettings(
        suite="libero_object",
        assets=str(assets),
        observations=("agentview", "wrist", "state"),
        action_chunk=16,
        max_steps=16,
        seed=7,
    )
    with closing(make_pool(settings, 0, 600)) as opened:
        yield opened


@pytest.mark.parametrize("pruner", list_pruners())
def test_every_pruner_runs_and_says_what_it_kept(pool: Any, pruner: str) -> None:
    seen: list[tuple[int, TokenTrace]] = []

    class Listener:
        def on_start(self, episode: Episode) -> None:
            """Begin."""

        def on_frames(self, *_: Any) -> None:
            """Look away."""

        def on_query(self, episode: Episode, step: int, trace: TokenTrace | None) -> None:
            assert trace is not None
            seen.append((step, trace))

    arguments = {"pruner": pruner, **({"k": "16"} if pruner in WITH_BUDGET else {})}
    loaded = load_policy("nano", None, arguments, seed=7)
    plan = RolloutPlan(loaded.replan, flops=loaded.flops)
    episode = Episode("libero_object", 0, 0)
    (outcome,) = run_episodes([episode], pool, loaded.policy, plan, [Listener()])
    assert (outcome.steps, outcome.queries) == (16, 2)
    assert [step for step, _ in seen] == [0, 8]
    kept = [trace.kept_count for _, trace in seen]
    assert outcome.figures["kept_tokens"] == kept
    assert outcome.figures["dense_tokens"] == 512
    if pruner in WITH_BUDGET - {"sparsevlm", "vla_pruner"}:
        assert kept == [32, 32]
    assert 0 < outcome.figures["tflops"] < 0.01
    spares = min(kept) < 512 or pruner == "vla_cache"  # which keeps all, and computes fewer
    assert (outcome.figures["tflops"] < 0.00269) == spares


def test_queries_without_the_model_are_in_records_and_tables(assets: Path, tmp_path: Path) -> None:
    def run(**more: str) -> Any:
        out = tmp_path / f"run{len(more)}"
        config = RunConfig(
            suite="libero_object",
            policy="nano",
            policy_arguments={"pruner": "flashvla", "k": "16", **more},
            tasks="0",
            trials=1,
            max_steps=48,
            workers=0,
            video="none",
            assets=str(assets),
            out=out,
        )
        evaluate(config)
        (line,) = (out / "episodes.jsonl").read_text(encoding="utf8").splitlines()
        record = json.loads(line)
        assert record["queries"] == 6
        return record["extra"], (out / "table.md").read_text(encoding="utf8")

    # A step that keeps the gripper's sign is stable then: the third query repeats a chunk at least.
    extra, table = run(angle="180", overlap="0")
    always, without = run(reuse="false")
    asked = len(extra["kept_tokens"])
    assert 3 <= asked < 6
    assert extra["skipped"] == pytest.approx(1 - asked / 6, rel=1e-5)
    assert extra["tflops"] == pytest.approx(always["tflops"] * asked / 6, rel=1e-4)
    assert always["skipped"] == 0
    assert "| skipped queries |" in table and f"| {100 - 100 * asked / 6:.1f} % |" in table
    assert "| 0.0 % |" in without


def test_a_run_tells_tokens_operations_time_and_success(assets: Path, tmp_path: Path) -> None:
    config = RunConfig(
        suite="libero_object",
        policy="nano",
        policy_arguments={"pruner": "grids", "k": "16"},
        tasks="0",
        trials=1,
        max_steps=16,
        workers=0,
        video="none",
        assets=str(assets),
        out=tmp_path,
    )
    evaluate(config)
    (line,) = (tmp_path / "episodes.jsonl").read_text(encoding="utf8").splitlines()
    extra = json.loads(line)["extra"]
    assert extra["kept_tokens"] == [32, 32]
    assert (extra["kept_agentview"], extra["kept_wrist"]) == (16, 16)
    assert extra["tflops"] == pytest.approx(0.000562, rel=0.01)
    assert 0 < extra["latency_ms"] <= extra["latency_p95_ms"]
    for key in ("kept_border", "kept_duplicates", "kept_movement", "kept_turnover"):
        assert extra[key] >= 0
    table = (tmp_path / "table.md").read_text(encoding="utf8")
    assert "| suite | success | visual tokens | retention | TFLOPs/query | ms/query |" in table
    assert "| libero_object 0 |" in table
    assert "| at border | duplicates | cells moved | new cells |" in table
    with (tmp_path / "table.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert float(row["kept_tokens_mean"]) == 32
    assert float(row["retention_mean"]) == 32 / 512
    assert float(row["tflops_mean"]) == extra["tflops"]
    assert float(row["latency_ms_mean"]) == extra["latency_ms"]
