"""Runs on LIBERO-Plus and perturbed runs: what is run, what is left out, and what is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gridseval.assets import layout
from gridseval.errors import MachineError, OutputError, UsageError
from gridseval.evaluation import RunConfig, evaluate
from gridseval.evaluation.task_selection import choose
from gridseval.results.run.jsonl import read_records
from gridseval.suites import Episode, Selection, Suite, load_suite

BASE = "turn_on_the_stove"


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever LIBERO-Plus is on this machine, these runs have none."""
    monkeypatch.delenv("GRIDSEVAL_LIBERO_PLUS", raising=False)
    monkeypatch.setattr(layout, "cache_dir", lambda: tmp_path / "cache")


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("libero_plus_goal")


def named(suite: Suite, *kinds: str) -> str:
    """Return indices of the first task of each kind, all of one base task."""
    tasks = [task for task in suite.tasks if task.variant.base == BASE]
    return ",".join(str(next(t.index for t in tasks if t.variant.kind == kind)) for kind in kinds)


def run(out: Path, assets: Path, **changed: Any) -> tuple[dict[str, Any], dict[int, Any]]:
    arguments = {
        "suite": "libero_plus_goal",
        "policy": "zero",
        "assets": str(assets),
        "max_steps": 1,
        "workers": 0,
        "video": "none",
    }
    evaluate(RunConfig(out=out, **{**arguments, **changed}))
    manifest = yaml.safe_load((out / "run.yaml").read_text(encoding="utf8"))
    return manifest, {record.task: record for record in read_records(out / "episodes.jsonl")}


def test_what_lacks_files_is_left_out_and_told(assets: Path, tmp_path: Path, suite: Suite) -> None:
    asked = named(suite, "view", "init", "light", "language")
    out = tmp_path / "run"
    manifest, records = run(out, assets, tasks=asked, prompts="upstream", perturbed_start=True)
    view, init = (int(index) for index in asked.split(",")[:2])
    assert manifest["tasks"] == [init, view] == sorted(records)
    assert manifest["episodes"] == 2
    assert manifest["trials"] == 1
    assert (manifest["prompts"], manifest["perturbed_start"]) == ("upstream", True)
    assert set(manifest["unavailable"]) == {"language", "light"}
    assert [sum(row.values()) for row in manifest["unavailable"].values()] == [1, 1]
    assert "gridseval assets pull libero-plus" in manifest["unavailable_because"]["light"]
    told = {index: record.extra for index, record in records.items()}
    assert told[view]["dimension"] == "camera"
    assert told[view]["level"] == suite.tasks[view].variant.level
    assert told[init]["dimension"] == "perturbed_start"  # not the leaderboard's
    words = suite.tasks[view].name.replace("_", " ")
    assert records[view].instruction == words
    with pytest.raises(OutputError, match="prompts: 'upstream' -> 'base'"):
        run(out, assets, tasks=asked, perturbed_start=True)


def test_perturbations_are_recorded(assets: Path, tmp_path: Path) -> None:
    changed = {"suite": "libero_goal", "tasks": "7", "trials": 2, "perturb": ("robot:4",)}
    out = tmp_path / "run"
    manifest, _ = run(out, assets, **changed)
    assert manifest["perturb"] == ["robot:4"]
    assert "prompts" not in manifest
    first, second = (record.extra["perturb"] for record in read_records(out / "episodes.jsonl"))
    assert first["robot"] == {"strength": 4, "norm": 0.4}
    assert first["applied"]["joints"] != second["applied"]["joints"]  # drawn per episode
    again, _ = run(tmp_path / "again", assets, **changed)
    assert again["perturb"] == manifest["perturb"]
    redrawn = next(iter(read_records(tmp_path / "again" / "episodes.jsonl")))
    assert redrawn.extra["perturb"] == first
    with pytest.raises(OutputError, match="perturb"):
        run(out, assets, **{**changed, "perturb": ("robot:5",)})


@pytest.mark.parametrize(
    ("changed", "error", "expected"),
    [
        ({"dimension": "light"}, MachineError, "none of these 279 tasks .* is available here"),
        ({"dimension": "ligth"}, UsageError, "did you mean 'light'"),
        ({"level": "9"}, UsageError, "no level 9"),
        ({"prompts": "upsteam"}, UsageError, "did you mean 'upstream'"),
        ({"perturb": ("camra:3",)}, UsageError, "did you mean 'camera'"),
        ({"libero_plus": "/nowhere"}, UsageError, "does not exist"),
        ({"suite": "libero_goal", "prompts": "upstream"}, UsageError, "for the suites of LIBERO-P"),
        ({"suite": "libero_goal", "perturbed_start": True}, UsageError, "--perturbed-start is for"),
        ({"suite": "libero_goal", "sample": 3}, UsageError, "did you mean 'libero_plus_goal'"),
    ],
)
def test_bad_arguments_are_refused(
    changed: dict[str, Any], error: type[Exception], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=expected):
        choose(RunConfig(**{"suite": "libero_plus_goal", "out": tmp_path, **changed}))


def test_a_sample_does_not_depend_on_what_is_available(suite: Suite) -> None:
    config = RunConfig("libero_plus_goal", Path("run"), sample=60)
    chosen = choose(config)
    left_out = [lack.task.index for lack in chosen.lacking]
    drawn = sorted([*left_out, *(task.index for task in chosen.tasks)])
    assert left_out
    assert drawn == [task.index for task in Selection(sample=60).of(suite)]
    assert "of 60 tasks are unavailable" in chosen.warnings[0]
    assert chosen.manifest()["selection"] == {"sample": 60}


def test_tasks_of_one_compiled_model_come_together(suite: Suite) -> None:
    chosen = choose(RunConfig("libero_plus_goal", Path("run")))
    scenes: dict[str, set[Any]] = {}
    for task in suite.tasks:
        scene = chosen.scene(Episode(suite.name, task.index, 0))
        own = task.variant.dimension in ("background", "layout")
        scenes.setdefault("own" if own else task.variant.base, set()).add(scene)
    assert len(scenes.pop("own")) == 281 + 425
    assert all(len(shared) == 1 for shared in scenes.values())
    assert len(scenes) == 10
