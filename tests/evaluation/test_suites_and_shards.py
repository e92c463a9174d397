"""Runs of several suites, and of several shards, equal those of one suite and one machine."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from evaluation_doubles import Preempted

from gridseval.cli import main
from gridseval.errors import OutputError, UsageError
from gridseval.evaluation import PreparedSuites, RunConfig, evaluate
from gridseval.evaluation.sharding import Shard, shard_of
from gridseval.results import (
    Run,
    RunDirectory,
    arrange_runs,
    read_manifest,
    read_run,
    tabulate,
)
from gridseval.results.run.comparable import run_differences
from gridseval.results.run.several_suites import of_suite
from gridseval.results.shards.merge import merge_shards
from gridseval.results.tables.several_runs import table_markdown

SUITES = ("libero_object", "libero_goal")
POLICY = f"{Path(__file__).with_name('evaluation_doubles.py')}:{Preempted.__name__}"
WORDS = ("--tasks", "0-1", "--trials", "2", "--max-steps", "2", "--workers", "0", "--video", "none")
TIMES = ("seconds", "latency_ms", "latency_p95_ms", "completion_s", "peak_memory_mb", "host")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def config(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    usual = {"tasks": "0-1", "trials": 2, "max_steps": 2, "workers": 0, "video": "none"}
    out = tmp_path_factory.mktemp("runs") / "whole"
    return RunConfig(",".join(SUITES), out, policy=POLICY, assets=str(assets), **usual)


@pytest.fixture(scope="module")
def whole(config: RunConfig) -> Path:
    """Return a run of two suites, whose policy was made once."""
    made = config.out.with_name("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MADE", str(made))
        summary = evaluate(config)
    assert made.read_text() == "made\n"
    assert (summary.done, summary.expected) == (8, 8)
    return config.out


def lines_of(*runs: Path) -> list[dict[str, Any]]:
    """Return the records of runs, sorted, without times and host."""
    found = []
    for run in runs:
        for line in (run / "episodes.jsonl").read_text().splitlines():
            record = json.loads(line)
            del record["wall_s"]
            for key in TIMES:
                record["extra"].pop(key, None)
            found.append(record)
    return sorted(found, key=lambda each: (each["suite"], each["task"], each["trial"]))


def manifest_of(run: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((run / "run.yaml").read_text())
    for key in ("started", "command", "machine"):
        del manifest[key]
    for part in ("policy", "versions"):  # where another test has imported it
        manifest[part].pop("torch", None)
    return manifest


def test_two_suites_in_one_run_are_two_runs(config: RunConfig, whole: Path) -> None:
    alone = [replace(config, suite=suite, out=config.out.with_name(suite)) for suite in SUITES]
    for each in alone:
        evaluate(each)
    paths = [each.out for each in alone]
    assert len(lines_of(whole)) == 8
    assert lines_of(*paths) == lines_of(whole)
    (joined,) = arrange_runs([read_run(path) for path in paths])
    one = read_run(whole)
    for key in ("suite", "suites", "episodes", "env_seed", "policy"):
        assert joined.manifest[key] == one.manifest[key]
    tables = [table_markdown(tabulate([_named(run)], [])) for run in (joined, one)]
    rows = [[line for line in table.splitlines() if line.startswith("|")][:9] for table in tables]
    assert rows[0] == rows[1]
    assert "mean" in tables[0]
    # One of the suites compares with that suite alone, and the other one with nothing.
    assert run_differences(one, read_run(paths[0])) == ()
    assert run_differences(read_run(paths[0]), read_run(paths[1]))[0].startswith("suite: ")


def _named(run: Run) -> Run:
    return replace(run, label="both", notes=())


def test_a_second_suite_extends_a_run_and_fewer_are_another(whole: Path, tmp_path: Path) -> None:
    both = read_manifest(whole / "run.yaml")
    one = of_suite(both, SUITES[0])
    RunDirectory.open(tmp_path, one).close()
    with RunDirectory.open(tmp_path, both) as run:
        assert run.manifest == both
    with pytest.raises(OutputError, match="suite: 'libero_goal, libero_object' -> 'libero_object'"):
        RunDirectory.open(tmp_path, one)
    fewer = {**both["suites"], "libero_goal": {**both["suites"]["libero_goal"], "trials": 1}}
    with pytest.raises(OutputError, match=r"suites\.libero_goal\.trials: 2 -> 1"):
        RunDirectory.open(tmp_path, {**both, "suites": fewer})


def test_shards_of_which_one_is_killed_are_the_whole_run(
    start: Start, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "sharded"
    words = ("--suite", ",".join(SUITES), *WORDS)

    def begin(index: int, killed: bool = False) -> subprocess.Popen[str]:
        with monkeypatch.context() as patch:
            if killed:
                patch.setenv("PREEMPTED", "1")
            patch.setenv("SLURM_ARRAY_TASK_ID", str(index))
            patch.setenv("SLURM_ARRAY_TASK_COUNT", "4")
            return start(out, POLICY, *words, "--shard", "slurm")

    processes = [begin(index, killed=index == 2) for index in range(4)]
    codes = []
    for process in processes:
        with process:
            process.communicate(timeout=300)
        codes.append(process.returncode)
    assert codes == [0, 0, -signal.SIGKILL, 0]
    partial = merge_shards(out)
    assert (partial.missing, partial.unfinished) == ((), ((2, 1, 2),))
    assert not partial.is_whole
    with begin(2) as process:
        process.communicate(timeout=300)
    assert process.returncode == 0
    merged = merge_shards(out)
    assert (merged.missing, merged.unfinished, merged.is_whole) == ((), (), True)
    assert lines_of(out) == lines_of(whole)
    assert len((out / "episodes.jsonl").read_text().splitlines()) == 8
    assert manifest_of(out) == manifest_of(whole)
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    merge_shards(out)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("text", "variables", "said"),
    [
        ("3/3", {}, "there is no shard 3 of 3: they are numbered from 0 to 2"),
        ("0/0", {}, "there is no shard 0 of 0: N is at least 1"),
        ("1", {}, "--shard '1' is not of the form I/N"),
        ("slurm", {}, "--shard slurm needs SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT"),
        ("slurm", {"ID": "8", "COUNT": "8"}, "there is no shard 8 of 8"),
    ],
)
def test_a_shard_that_there_is_not(
    config: RunConfig, text: str, variables: dict[str, str], said: str
) -> None:
    array = {f"SLURM_ARRAY_TASK_{key}": value for key, value in variables.items()}
    with pytest.raises(UsageError) as caught:
        shard_of(replace(config, shard=text), array)
    assert str(caught.value).startswith(said)
    assert shard_of(config, array) is None
    assert shard_of(replace(config, shard="2/3"), array) == Shard(2, 3)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("run --suite libero_goal,libero_gaol --policy zero", 2, "no suite 'libero_gaol'"),
        ("run --suite libero,libero_goal --policy zero", 2, "--suite names libero_goal twice"),
        ("run --suite libero_goal, --policy zero", 2, "has an empty name between its commas"),
        (
            "run --suite libero --policy zero --stop-when-decided --min-success 0.9",
            2,
            "--stop-when-decided is for one suite",
        ),
        ("run --suite libero_goal --policy zero --shard 0/2", 2, "--shard needs --out"),
        ("run --suite libero_goal --policy zero --shard 2/2 --out X", 2, "no shard 2 of 2"),
        ("sweep run --suite libero --policy zero --delay 0,1 --shard 0/2 --out X", 2, "--shard is"),
        ("collect --suite libero --policy zero --out X", 2, "a dataset is of one suite"),
        ("merge X", 2, "there is nothing to merge in "),
    ],
)
def test_what_cannot_be_had_is_one_line(
    words: str, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(tmp_path / word) if word == "X" else word for word in words.split()])
    printed = capsys.readouterr()
    assert left.value.code == code
    assert said in printed.err.splitlines()[0]
    assert "Traceback" not in printed.err
    assert not list(tmp_path.iterdir())


def test_suites_that_differ_otherwise_are_not_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: Any = ({"suite": "a", "tasks": [0]}, {"suite": "b", "tasks": [1], "prompts": "base"})
    monkeypatch.setattr("gridseval.evaluation.prepared_suites.manifest_of", lambda part: part)
    with pytest.raises(UsageError, match=r"a and b cannot be in one run: prompts: \(absent\) -> "):
        PreparedSuites(parts, ()).manifest()
