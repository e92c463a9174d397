"""Runs made by earlier versions: they are read, compared, merged and resumed.

``record_old_runs.py`` made them, on the stand-ins: ``c8a0846`` is the last version before there
were protocols, ``531110c`` the one before results and extensions were put in order.
"""

from __future__ import annotations

import csv
import io
import json
import platform
import shlex
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import Said
from command_line import cli as cli

import gridseval
from gridseval.assets import find_assets
from gridseval.assets.standins import standins_root
from gridseval.evaluation import RunConfig
from gridseval.evaluation.earlier import as_begun

OLD_RUNS = Path(__file__).with_name("old_runs")
VERSIONS = ("c8a0846", "531110c")
FINISHED = ("complete", "perturbed", "plus", "pruned")
MEASURED = ("wall_s", "seconds", "latency", "latency_p95", "peak_memory", "completion", "video")
ADDED = ("motion", "suspicions")
"""What records of these versions did not say yet."""
RENAMED = {"robot_true": "perturbed_start"}
Cli = Callable[..., Said]


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder with copies of the runs of one version."""
    return shutil.copytree(OLD_RUNS / request.param, tmp_path / request.param)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Let runs use the stand-ins; return what this machine writes of models and versions."""
    with pytest.MonkeyPatch.context() as patch:
        root = standins_root(tmp_path_factory.mktemp("stand-ins"))
        patch.setenv("GRIDSEVAL_ASSETS", str(root))
        patch.delenv("GRIDSEVAL_LIBERO_PLUS", raising=False)
        identity, digest = find_assets(None).identity()
        assert identity == "stand-ins"
        yield {"identity": identity, "hash": digest}


def records(run: Path) -> list[dict[str, Any]]:
    lines = (run / "episodes.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((run / "run.yaml").read_text(encoding="utf-8"))
    return found


def unmeasured(value: Any) -> Any:
    """Return what both versions say of an episode, with the names that keys have now."""
    if not isinstance(value, dict):
        return RENAMED.get(value, value) if isinstance(value, str) else value
    return {
        RENAMED.get(key, key): unmeasured(inner)
        for key, inner in value.items()
        if not key.startswith(MEASURED) and key not in ADDED
    }


def present(row: dict[str, str]) -> dict[str, str]:
    """Return a row of a table whose values have their present names."""
    return {key: RENAMED.get(value, value) for key, value in row.items()}


def make_ours(run: Path, here: dict[str, str]) -> None:
    """Let a run say that it was made with this machine's packages and stand-ins.

    They decide outcomes, so a run is resumed on equal ones only, and a test may run on others.
    The version of gridseval stays as it was.
    """
    stored = manifest(run)
    others = stored["versions"].keys() - {"python", "gridseval"}
    versions = {name: metadata.version(name) for name in others}
    stored["versions"] |= {"python": platform.python_version(), **versions}
    stored["assets"] = here
    if stored["renderer"] is not None:
        from gridseval.envs.rendering.backend import choose_backend

        probe = choose_backend()
        stored["renderer"] = f"{probe.backend}: {probe.renderer}"
    (run / "run.yaml").write_text(yaml.safe_dump(stored), encoding="utf-8")


def make_zero(run: Path) -> None:
    """Let a run say that its policy is zero, which acts in all versions alike."""
    text = (run / "run.yaml").read_text(encoding="utf-8")
    stored = yaml.safe_load(text.replace("oracle:OraclePolicy", "zero:ZeroPolicy"))
    stored["policy"] |= {"name": "zero", "kind": "zero"}
    stored["replan"] = None
    stored["command"] = stored["command"].replace("--policy oracle", "--policy zero")
    (run / "run.yaml").write_text(yaml.safe_dump(stored), encoding="utf-8")


def resume(cli: Cli, run: Path, *more: str) -> Said:
    """Give the command by which a run was begun once more."""
    words = shlex.split(manifest(run)["command"])[1:]
    words[words.index("--out") + 1] = str(run)
    return cli(*words, *more)


@pytest.mark.parametrize("name", FINISHED)
def test_tables_have_the_numbers_of_then(cli: Cli, old: Path, name: str) -> None:
    said = cli("table", old / name, "--format", "csv")
    assert said.status == 0
    rows = list(csv.DictReader(io.StringIO(said.out)))
    with (old / name / "table.csv").open(newline="", encoding="utf-8") as file:
        before = list(csv.DictReader(file))
    told = [present(row) for row in before if row["level"] != "published"]
    assert [{key: row[key] for key in told[0]} for row in rows[: len(told)]] == told
    assert "suite" in {row["level"] for row in told}


@pytest.mark.parametrize("form", ["text", "md", "latex", "json"])
def test_all_forms_of_tables_are_written(cli: Cli, old: Path, form: str) -> None:
    said = cli("table", *(old / name for name in FINISHED), "--format", form)
    assert said.status == 0
    assert "oracle" in said.out


def test_a_run_is_compared_with_its_interrupted_twin(cli: Cli, old: Path) -> None:
    said = cli("compare", old / "complete", old / "interrupted")
    assert said.status == 0
    assert "solved by both 1, by A only 0, by B only 0, by none 0" in said.out
    assert "settings that differ" not in said.out


def test_runs_of_two_versions_differ_in_the_seed_only(cli: Cli) -> None:
    runs = [OLD_RUNS / version / "complete" for version in VERSIONS]
    said = cli("compare", *runs)
    assert said.status == 0
    differ = said.out.partition("settings that differ (A -> B):\n")[2].splitlines()
    assert {line.partition(":")[0].strip() for line in differ} == {
        *("env_seed", "protocol", "published")
    }
    assert "  env_seed: 7 -> 0" in differ
    said = cli("gate", runs[1], "--baseline", runs[0])
    assert said.status == 2
    assert "Cannot tell: the runs are not comparable: env_seed: 7 -> 0." in said.out


def test_a_run_is_gated(cli: Cli, old: Path) -> None:
    few = cli("gate", old / "complete", "--baseline", old / "complete")
    assert few.status == 2
    assert few.out.startswith("Cannot tell: 4 episodes of libero_object are too few")
    failing = cli("gate", old / "perturbed", "--min-success", "0.99", "--alpha", "0.2")
    assert failing.status == 1
    assert failing.out.startswith("Regression: libero_goal is at 0.0 %")


def test_a_report_is_written(cli: Cli, old: Path) -> None:
    for name in FINISHED:
        assert cli("report", old / name).status == 0
        page = (old / name / "report.html").read_text(encoding="utf-8")
        assert manifest(old / name)["suite"] in page
    assert cli("report", old / "complete", old / "interrupted", "--out", old / "both").status == 0


def test_parts_of_a_run_are_one_run(cli: Cli, old: Path) -> None:
    whole = old / "complete"
    lines = (whole / "episodes.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for part, taken in (("first", lines[:3]), ("second", lines[3:])):
        shutil.copytree(whole, old / part)
        (old / part / "episodes.jsonl").write_text("".join(taken), encoding="utf-8")
    said = cli("table", old / "first", old / "second", "--format", "csv")
    (merged,) = [r for r in csv.DictReader(io.StringIO(said.out)) if r["level"] == "suite"]
    assert merged["counted"] == "4"


def test_a_part_of_before_protocols_and_one_of_now_are_one_run(cli: Cli, tmp_path: Path) -> None:
    whole = OLD_RUNS / "c8a0846" / "complete"
    lines = (whole / "episodes.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for part, taken in (("then", lines[:1]), ("now", lines[1:])):
        shutil.copytree(whole, tmp_path / part)
        (tmp_path / part / "episodes.jsonl").write_text("".join(taken), encoding="utf-8")
    values = {"protocol": "openvla", "env_seed": 7, "seeding": "task", "image_px": 256}
    now = manifest(tmp_path / "now") | values | {"actions": "delta", "published": []}
    (tmp_path / "now" / "run.yaml").write_text(yaml.safe_dump(now), encoding="utf-8")
    said = cli("table", tmp_path / "then", tmp_path / "now", "--format", "csv")
    (merged,) = [r for r in csv.DictReader(io.StringIO(said.out)) if r["level"] == "suite"]
    assert merged["counted"] == "4"


def test_an_interrupted_run_is_continued(cli: Cli, old: Path, here: dict[str, str]) -> None:
    run = old / "interrupted"
    make_ours(run, here)
    make_zero(run)
    before, (first,) = manifest(run), records(run)
    said = resume(cli, run)
    assert said.status == 0, said.err
    note = f"gridseval 0.1.0 began this run, gridseval {gridseval.__version__} continued it"
    assert manifest(run) == before | {"notes": [note]}
    assert note in " ".join(said.err.split())
    assert note in " ".join(cli("table", run).out.split())
    assert records(run)[0] == first
    places = [(record["task"], record["trial"]) for record in records(run)]
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert ("begun before gridseval had protocols" in said.err) == (old.name == "c8a0846")


def test_a_run_of_another_expert_is_not_continued(
    cli: Cli, old: Path, here: dict[str, str]
) -> None:
    """Neither one from before the expert's hash was recorded nor one with another hash."""
    run = old / "interrupted"
    make_ours(run, here)
    for expert in ({}, {"expert": "ab" * 32}):
        stored = manifest(run)
        stored["policy"] |= expert
        (run / "run.yaml").write_text(yaml.safe_dump(stored), encoding="utf-8")
        said = resume(cli, run)
        assert said.status == 5
        assert f"another expert began {run}" in " ".join(said.err.split())
        assert len(records(run)) == 1 and manifest(run) == stored


def test_a_run_of_nanos_first_architecture_is_not_continued(
    cli: Cli, old: Path, here: dict[str, str]
) -> None:
    run = old / "pruned"
    make_ours(run, here)
    before = (run / "run.yaml").read_bytes(), (run / "episodes.jsonl").read_bytes()
    said = resume(cli, run)
    assert said.status == 5
    assert f"another architecture began {run}: the code of policy 'nano'" in said.err
    assert ((run / "run.yaml").read_bytes(), (run / "episodes.jsonl").read_bytes()) == before


@pytest.mark.parametrize("name", ["perturbed", "plus"])
def test_episodes_run_again_are_what_they_were(
    cli: Cli, old: Path, here: dict[str, str], name: str
) -> None:
    run = old / name
    make_ours(run, here)
    before, first = records(run), (run / "episodes.jsonl").read_bytes().partition(b"\n")[0]
    traces = {path.name: path.read_text("ascii") for path in run.glob("traces/*")}
    (run / "episodes.jsonl").write_bytes(first + b"\n")
    for trace in sorted(run.glob("traces/*"))[1:]:
        trace.unlink()
    said = resume(cli, run)
    assert said.status == 0, said.err
    assert (run / "episodes.jsonl").read_bytes().startswith(first + b"\n")
    assert list(map(unmeasured, records(run))) == list(map(unmeasured, before))
    assert {path.name: path.read_text("ascii") for path in run.glob("traces/*")} == traces


def test_options_decide_over_the_values_of_then(cli: Cli, here: dict[str, str]) -> None:
    run = OLD_RUNS / "c8a0846" / "interrupted"

    def begun(**given: Any) -> tuple[str | None, int | None, int | None]:
        config, _ = as_begun(RunConfig(suite="libero_object", out=run, **given))
        return config.protocol, config.env_seed, config.seed

    assert begun() == ("openvla", 7, None)
    assert begun(seed=3) == ("openvla", None, 3)
    assert begun(env_seed=0) == ("openvla", 0, None)
    assert begun(protocol="openpi") == ("openpi", None, None)


def test_other_conditions_are_refused_with_what_differs(
    cli: Cli, old: Path, here: dict[str, str]
) -> None:
    make_ours(old / "interrupted", here)
    make_zero(old / "interrupted")
    said = resume(cli, old / "interrupted", "--env-seed", "5")
    assert said.status == 5
    stored = {"c8a0846": 7, "531110c": 0}[old.name]
    assert f"  env_seed: {stored} -> 5\n" in said.err
    assert said.err.count(" -> ") == 2  # with the heading's
