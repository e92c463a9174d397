"""docs/developing/extend/perturbation.md: one file and one line, seen in every output."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from harness import PatchedTree
from PIL import Image

PAGE = "perturbation.md"
ZERO = ("--policy", "zero", "--perturb", "zoom:fov=3")
ENV = """
import sys
import numpy as np
from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.perturbations import Perturbation

def look(env):
    observation, _ = env.reset(options={"task": 0})
    return observation["agentview"], observation["wrist"], env.sim_state()

settings = dict(assets=sys.argv[1], settle_steps=1)
plain = LiberoEnv("libero_object", **settings)
zoomed = LiberoEnv("libero_object", perturb=("zoom:fovy=20",), **settings)
before, after = look(plain), look(zoomed)
assert (before[0] != after[0]).mean() > 0.3, "the agent camera shows another part"
assert (before[1] == after[1]).all(), "the wrist camera stays"
assert (before[2] == after[2]).all(), "the simulation stays"
"""


def test_the_patch_touches_a_file_and_a_line(patched: PatchedTree) -> None:
    assert patched.product_files == (
        "gridseval/envs/perturbations/kinds/registry.py",
        "gridseval/envs/perturbations/kinds/zoom.py",
    )


def test_an_environment_shows_it(patched: PatchedTree, assets: Path) -> None:
    patched.python("-c", ENV, assets)


def test_a_run_records_it_resumes_and_is_drawn_again(
    patched: PatchedTree, assets: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = (
        *("run", "--suite", "libero_object", "--tasks", "0", "--trials", "2", "--policy", "zero"),
        *(
            "--max-steps",
            "6",
            "--assets",
            assets,
            "--workers",
            "1",
            "--video",
            "none",
            "--record-actions",
        ),
        *("--perturb", "zoom:3", "--out", out),
    )
    patched.gridseval(*words)
    stored = (out / "episodes.jsonl").read_text(encoding="utf8").splitlines(keepends=True)
    first, second = (json.loads(line)["extra"]["perturb"] for line in stored)
    assert first["zoom"]["fovy"] != second["zoom"]["fovy"]
    drawn = first
    assert drawn["zoom"]["strength"] == 3
    assert 8 <= abs(drawn["zoom"]["fovy"] - 45) <= 12
    assert drawn["applied"] == {"extra": {"zoom": {"fovy": drawn["zoom"]["fovy"]}}}
    assert yaml.safe_load((out / "run.yaml").read_text("utf8"))["perturb"] == ["zoom:3"]
    (out / "episodes.jsonl").write_text(stored[0], encoding="utf8")
    patched.gridseval(*words)
    resumed = (out / "episodes.jsonl").read_text(encoding="utf8").splitlines(keepends=True)
    assert resumed[0] == stored[0]  # kept, to its times
    assert [json.loads(line)["extra"]["perturb"] for line in resumed] == [first, second]
    patched.gridseval("video", out, "--assets", assets)
    assert list((out / "videos").glob("*.mp4"))


def test_the_gallery_shows_it(patched: PatchedTree, assets: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    words = ("--suite", "libero_object", "--perturb", "zoom", "--assets", assets, "--out", out)
    patched.gridseval("gallery", *words)
    with Image.open(out) as image:
        assert image.width > 5 * 2 * 128
        colours = image.getcolors(maxcolors=2**24)
        assert colours is not None
        assert len(colours) > 2000  # pictures, not an empty sheet
    said = patched.gridseval("run", *words[:2], "--out", tmp_path, *ZERO, status=2).stderr
    assert "did you mean 'fovy'" in said
    assert "'zoom'" in patched.gridseval("gallery", *words[:3], "zom", status=2).stderr


def test_tests_that_try_everything_by_themselves_pass(patched: PatchedTree) -> None:
    patched.pytest(
        "tests/envs/perturbations/test_plan.py",
        "tests/pictures/test_gallery.py::test_kinds_and_strengths_on_other_suites",
    )
