"""docs/developing/extend/suite.md: one YAML file, and all that lists or runs suites has it."""

from __future__ import annotations

import json
import operator
import shutil
from pathlib import Path

import pytest
import yaml
from harness import PatchedTree
from PIL import Image

PAGE = "suite.md"


def test_the_patch_touches_one_file(patched: PatchedTree) -> None:
    assert patched.product_files == ("suites/libero_short.yaml",)


def test_it_is_listed(patched: PatchedTree) -> None:
    assert "libero_short             2      50        120" in patched.gridseval("suites").stdout
    said = patched.gridseval("suites", "libero_short").stdout
    assert said.startswith("LIBERO-Short: 2 tasks × 50 trials, 120 policy steps after 10 settle")
    assert "  1  put_the_bowl_on_the_plate" in said


def test_an_unknown_name_names_it(patched: PatchedTree) -> None:
    said = patched.gridseval("suites", "libero_shrot", status=2)
    assert "did you mean 'libero_short'?" in said.stderr


@pytest.fixture(scope="module")
def run(patched: PatchedTree, assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of it: one trial of each task, twelve steps long."""
    out = tmp_path_factory.mktemp("runs") / "run"
    patched.gridseval("run", *options(assets, out), "--workers", 1)
    return out


SAME = ("suite", "task", "task_name", "trial", "status", "steps", "seed")


def options(assets: Path, out: Path) -> tuple[object, ...]:
    """Return the options of the run."""
    words = ("--suite", "libero_short", "--policy", "zero", "--trials", 1, "--max-steps", 12)
    return (*words, "--assets", assets, "--video", "none", "--out", out)


def test_it_runs_with_workers_and_resumes(
    patched: PatchedTree, run: Path, assets: Path, tmp_path: Path
) -> None:
    manifest = yaml.safe_load((run / "run.yaml").read_text(encoding="utf8"))
    assert (manifest["suite"], manifest["tasks"], manifest["episodes"]) == (
        "libero_short",
        [0, 1],
        2,
    )
    lines = [json.loads(line) for line in (run / "episodes.jsonl").read_text("utf8").splitlines()]
    assert {(line["task_name"], line["status"], line["steps"]) for line in lines} == {
        ("turn_on_the_stove", "failure", 12),
        ("put_the_bowl_on_the_plate", "failure", 12),
    }
    stopped = Path(shutil.copytree(run, tmp_path / "run"))
    first, *_ = (stopped / "episodes.jsonl").read_text("utf8").splitlines(keepends=True)
    (stopped / "episodes.jsonl").write_text(first, encoding="utf8")
    patched.gridseval("run", *options(assets, stopped), "--workers", 1)
    resumed = (stopped / "episodes.jsonl").read_text("utf8").splitlines(keepends=True)
    assert resumed[0] == first  # kept, to its times
    results = [{key: json.loads(line)[key] for key in SAME} for line in resumed]
    key = operator.itemgetter("task")
    assert sorted(results, key=key) == sorted(({k: r[k] for k in SAME} for r in lines), key=key)


def test_tables_reports_and_gates_have_it(patched: PatchedTree, run: Path) -> None:
    assert (
        "| 0 | turn on the stove | 0.0 % |"
        in patched.gridseval("table", run, "--format", "md").stdout
    )
    patched.gridseval("report", run)
    assert "libero_short" in (run / "report.html").read_text(encoding="utf8")
    said = patched.gridseval("gate", run, "--min-success", 0.9, status=1)
    assert "libero_short" in said.stdout


MAKE = """
import gymnasium, gridseval, sys
env = gymnasium.make("gridseval/libero_short-v0", assets=sys.argv[1], observations=("state",))
observation, info = env.reset(options={"task": 1})
print(observation["instruction"], info["task_name"])
"""


def test_gymnasium_makes_it(patched: PatchedTree, assets: Path) -> None:
    said = patched.python("-c", MAKE, assets).stdout
    assert said.strip().endswith("put the bowl on the plate put_the_bowl_on_the_plate")


def test_the_gallery_shows_it(patched: PatchedTree, assets: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    words = ("--suite", "libero_short", "--task", 1, "--perturb", "background")
    patched.gridseval("gallery", *words, "--assets", assets, "--out", out)
    with Image.open(out) as image:
        assert image.width > 5 * 2 * 128
        colours = image.getcolors(maxcolors=2**24)
        assert colours is not None
        assert len(colours) > 2000  # pictures, not an empty sheet
