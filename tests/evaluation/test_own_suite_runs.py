"""Suites of one's own in environments, runs, tables and videos."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import yaml
from command_line import Said
from command_line import cli as cli
from own_suites import TASKS, write_suite

from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.pool.messages import Start
from gridseval.envs.pool.pool import make_pool
from gridseval.errors import MachineError, UsageError
from gridseval.evaluation import RunConfig
from gridseval.evaluation.manifest import manifest_of
from gridseval.evaluation.prepared_run import prepare
from gridseval.results import arrange_runs, read_run
from gridseval.suites import load_suite

Cli = Callable[..., Said]


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_suite(tmp_path_factory.mktemp("own") / "kitchen")


@pytest.fixture(scope="module")
def made(kitchen: Path, assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of it in workers: one trial of each task, all steps, with its actions."""
    from gridseval.evaluation import RunConfig, evaluate

    out = tmp_path_factory.mktemp("runs") / "run"
    options = {"trials": 1, "workers": 1, "video": "none", "record_actions": True}
    evaluate(RunConfig(str(kitchen), out, policy="random", assets=str(assets), **options))
    return out


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def options_of(assets: Path, out: Path, *more: object) -> list[object]:
    given = ["--policy", "random", "--trials", 1, "--workers", 0, "--video", "none"]
    return [*given, "--record-actions", "--assets", assets, "--out", out, *more]


def test_episodes_start_as_those_of_the_files_do(kitchen: Path, assets: Path) -> None:
    goal = load_suite("libero_goal")
    given: dict[str, Any] = {"assets": assets, "observations": ("state",)}
    own = gymnasium.make("gridseval/suite-v0", suite=str(kitchen), **given)
    with closing(own), closing(LiberoEnv("libero_goal", settle_steps=2, **given)) as known:
        for index, name in enumerate(TASKS.values()):
            own.reset(options={"task": index, "trial": 3})
            known.reset(options={"task": goal.task(name).index, "trial": 3})
            state = own.unwrapped.sim_state()  # type: ignore[attr-defined]
            np.testing.assert_array_equal(state, known.sim_state())


def test_a_pool_has_it(kitchen: Path, assets: Path) -> None:
    envs = gymnasium.make_vec(
        "gridseval/suite-v0", num_envs=1, suite=str(kitchen), assets=assets, observations=("state",)
    )
    with closing(envs):
        observations, _ = envs.reset(options={"task": "bowl_on_plate"})
        assert observations["instruction"] == ("bowl on plate",)


def test_a_run_says_which_suite_it_is_of(kitchen: Path, made: Path) -> None:
    manifest = yaml.safe_load((made / "run.yaml").read_text(encoding="utf8"))
    assert (manifest["suite"], manifest["settle_steps"]) == ("kitchen", 2)
    assert manifest["suite_files"]["path"] == str(kitchen.resolve() / "suite.yaml")
    assert len(manifest["suite_files"]["sha256"]) == 64
    lines = (made / "episodes.jsonl").read_text(encoding="utf8").splitlines()
    found = {(r["suite"], r["task_name"], r["status"], r["steps"]) for r in map(json.loads, lines)}
    assert found == {("kitchen", name, "failure", 8) for name in TASKS}
    assert "| 0 | switch it on |" in (made / "table.md").read_text(encoding="utf8")


def test_a_run_settles_as_its_suite_says(kitchen: Path, assets: Path) -> None:
    given: dict[str, Any] = {"policy": "random", "assets": str(assets), "video": "none"}
    prepared = prepare(RunConfig(str(kitchen), Path("out"), **given))
    assert prepared.settings.settle_steps == 2
    assert prepare(RunConfig("libero_goal", Path("out"), **given)).settings.settle_steps == 10


def test_a_worker_refuses_files_that_have_changed_since_the_run_was_prepared(
    kitchen: Path, assets: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(kitchen, tmp_path / "own"))
    given: dict[str, Any] = {"policy": "random", "assets": str(assets), "video": "none"}
    prepared = prepare(RunConfig(str(own), Path("out"), **given))
    hashed = manifest_of(prepared)["suite_files"]["sha256"]
    settings = prepared.settings
    settings.make().close()
    text = (own / "suite.yaml").read_text(encoding="utf8")
    (own / "suite.yaml").write_text(text.replace("max_steps: 8", "max_steps: 7"), encoding="utf8")
    assert manifest_of(prepared)["suite_files"]["sha256"] == hashed
    with pytest.raises(MachineError, match=r"suite\.yaml has changed since the run started"):
        settings.make()
    with closing(make_pool(settings, workers=1)) as pool:
        pool.send(0, Start(task=0, trial=0))
        with pytest.raises(MachineError, match="has changed since the run started"):
            pool.wait()


def test_a_moved_suite_resumes_and_a_changed_one_does_not(
    kitchen: Path, run: Path, assets: Path, tmp_path: Path, cli: Cli
) -> None:
    moved = shutil.copytree(kitchen, tmp_path / "moved")
    said = cli("run", "--suite", moved, *options_of(assets, run, "--workers", 1))
    assert said.status == 0, said.err
    with (moved / "bddl_files" / "switch_it_on.bddl").open("a") as file:
        file.write("\n")
    said = cli("run", "--suite", moved, *options_of(assets, run, "--workers", 1))
    assert said.status == 5
    assert "suite_files.sha256: " in said.err


def test_runs_of_another_content_do_not_compare(run: Path, tmp_path: Path, cli: Cli) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    text = (other / "run.yaml").read_text(encoding="utf8")
    digest = yaml.safe_load(text)["suite_files"]["sha256"]
    (other / "run.yaml").write_text(text.replace(digest, "ab" * 32), encoding="utf8")
    with pytest.raises(UsageError, match=r"was not measured on what(.|\n)*suite_files\.sha256"):
        arrange_runs([read_run(run), read_run(other)])
    said = cli("compare", run, other)
    assert "suite_files.sha256" in said.out
    said = cli("gate", other, "--baseline", run)
    assert said.status == 2
    assert "suite_files.sha256" in said.out + said.err


def test_videos_are_drawn_again_while_the_files_are_the_same(
    kitchen: Path, run: Path, assets: Path, tmp_path: Path, cli: Cli
) -> None:
    own = shutil.copytree(kitchen, tmp_path / "own")
    manifest = (run / "run.yaml").read_text(encoding="utf8")
    manifest = manifest.replace(str(kitchen.resolve()), str(own.resolve()))
    (run / "run.yaml").write_text(manifest, encoding="utf8")
    said = cli("video", run, "--tasks", 0, "--assets", assets, "--out", tmp_path / "drawn")
    assert said.status == 0, said.err
    assert len(list((tmp_path / "drawn").glob("*.mp4"))) == 1
    (own / "suite.yaml").write_bytes((own / "suite.yaml").read_bytes() + b"# changed\n")
    said = cli("video", run, "--assets", assets)
    assert said.status == 3
    assert "has changed since" in said.err
    shutil.rmtree(own)
    said = cli("video", run, "--assets", assets)
    assert said.status == 3
    assert "is gone" in said.err


def test_a_gallery_shows_its_tasks(
    kitchen: Path, assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--task", "bowl_on_plate", "--perturb", "background", "--assets", assets)
    said = cli("gallery", "--suite", kitchen, *words)
    assert (said.status, said.out.strip()) == (0, "kitchen-gallery.png")
    assert (tmp_path / "kitchen-gallery.png").stat().st_size > 50_000


def test_starts_that_no_file_stores_lie_beside_the_run(
    kitchen: Path, assets: Path, tmp_path: Path, cli: Cli
) -> None:
    shutil.copytree(kitchen / "bddl_files", tmp_path / "stateless")
    said = cli("run", "--suite", tmp_path / "stateless", *options_of(assets, tmp_path / "run"))
    assert said.status == 0, said.err
    files = sorted(path.name for path in (tmp_path / "run" / "starts").iterdir())
    assert files == ["stateless-0-0.npy", "stateless-1-0.npy"]
    began = np.load(tmp_path / "run" / "starts" / files[1])
    given: dict[str, Any] = {"assets": assets, "observations": ("state",), "settle_steps": 0}
    seed = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text(encoding="utf8"))["env_seed"]
    env = LiberoEnv(tmp_path / "stateless", seed=seed, **given)
    with closing(env):
        env.reset(options={"task": 1, "start": 0})
        np.testing.assert_array_equal(env.sim_state(), began)
