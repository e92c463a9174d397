"""docs/developing/extend/policy-kind.md: one module and one entry, run in every way."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml
from harness import PatchedTree

PAGE = "policy-kind.md"

SERVE = """
import re, subprocess, sys
import numpy as np
from gridseval.policies import load_policy
from gridseval.suites import Episode

server = subprocess.Popen(
    [sys.executable, "-m", "gridseval", "serve", "--ckpt", sys.argv[1], "--port", "0"],
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
)
try:
    said = (re.search(r"ws://[0-9.]+:[0-9]+", line) for line in server.stdout)
    address = next(found.group() for found in said if found)
    policy = load_policy(None, address, {}, seed=7).policy
    policy.reset([0], [Episode("libero_object", 0, 0)])
    image = np.zeros((1, 256, 256, 3), np.uint8)
    seen = dict(slots=np.array([0]), steps=np.array([0]), instruction=("hold",), agentview=image,
                wrist=image, state=np.zeros((1, 8), np.float32))
    print(policy.act(seen).actions[0, 0].tolist())
finally:
    server.terminate()
    server.communicate()
"""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "lift.action"
    path.write_text("0 0 0.5 0 0 0 -1\n", encoding="utf8")
    return path


def test_the_patch_touches_a_module_and_the_table(patched: PatchedTree) -> None:
    assert patched.product_files == (
        "gridseval/policies/constant.py",
        "gridseval/policies/kinds.py",
    )


def test_it_is_listed(patched: PatchedTree) -> None:
    said = patched.gridseval("policies").stdout
    assert "constant" in [line.split()[0] for line in said.splitlines() if line.strip()]
    near = ("--suite", "libero_object", "--policy", "constnat", "--out", patched.root / "run")
    assert "did you mean 'constant'" in patched.gridseval("run", *near, status=4).stderr


@pytest.mark.parametrize("named", [True, False])
def test_it_runs_by_name_and_by_checkpoint(
    patched: PatchedTree, assets: Path, tmp_path: Path, checkpoint: Path, named: bool
) -> None:
    out = tmp_path / "run"
    said = patched.gridseval(
        *("run", "--suite", "libero_object", "--tasks", "0", "--trials", "1", "--max-steps", "4"),
        *("--assets", assets, "--workers", "0", "--video", "none", "--out", out),
        *("--ckpt", checkpoint, *(("--policy", "constant") if named else ())),
    )
    if not named:
        assert "taken for constant: the file's ending .action" in said.stdout + said.stderr
    policy = yaml.safe_load((out / "run.yaml").read_text(encoding="utf8"))["policy"]
    assert (policy["kind"], policy["class"]) == (
        *("constant", "gridseval.policies.constant:ConstantPolicy"),
    )
    assert policy["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    record = json.loads((out / "episodes.jsonl").read_text(encoding="utf8"))
    assert (record["status"], record["steps"]) == ("failure", 4)


def test_it_is_served(patched: PatchedTree, checkpoint: Path) -> None:
    said = patched.python("-c", SERVE, checkpoint).stdout
    assert json.loads(said) == [0, 0, 0.5, 0, 0, 0, -1]


def test_other_files_are_told_what_is_looked_for(patched: PatchedTree, tmp_path: Path) -> None:
    other = tmp_path / "other.xyz"
    other.write_text("", encoding="utf8")
    words = ("--suite", "libero_object", "--ckpt", other, "--out", tmp_path / "run")
    assert "a file *.action (constant)" in patched.gridseval("run", *words, status=4).stderr
