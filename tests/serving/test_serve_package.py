"""``pip install ./serve``: what serves a policy beside a model, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from served import EPISODES, observe

from gridseval.policies import load_policy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with nothing but this package."""
    folder = tmp_path_factory.mktemp("serve")
    run(sys.executable, "-m", "venv", str(folder))
    run(str(folder / "bin" / "pip"), "install", "-q", str(ROOT / "serve"))
    return folder / "bin" / "python"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(words, env=outside, cwd="/", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_it_serves_a_policy_that_acts_as_it_does_here(python: Path) -> None:
    installed = run(str(python), "-m", "pip", "list", "--format", "freeze").stdout.lower()
    assert "gridseval-serve==0." in installed
    for heavy in ("mujoco", "robosuite", "libero", "torch", "gymnasium"):
        assert heavy not in installed
    command = [str(python), "-m", "gridseval", "serve", "--policy", "random", "--port", "0"]
    process = subprocess.Popen(command, cwd="/", stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert " on ws://" in line, line + process.stderr.read()
        client = load_policy(None, line.split()[-1], {}, 7)
        here = load_policy("random", None, {}, 7)
        for loaded in (client, here):
            loaded.policy.reset([0, 1], EPISODES[:2])
        there = client.policy.act(observe([0, 1]))
        assert not there.failures
        assert np.array_equal(there.actions, here.policy.act(observe([0, 1])).actions)
    finally:
        process.kill()
        process.communicate()


def test_what_it_cannot_do_is_said_in_words(python: Path) -> None:
    words = [str(python), "-m", "gridseval"]
    assert "pi05_grids" in run(*words, "policies").stdout
    assert run(*words, "--version").stdout.startswith("gridseval 0.")
    for asked, said in (
        (["run", "--suite", "libero_10", "--policy", "zero"], "this is gridseval-serve"),
        (["serve", "--policy", "nano"], "torch"),
    ):
        done = subprocess.run([*words, *asked], cwd="/", capture_output=True, text=True)
        assert done.returncode in (3, 4)
        assert said in done.stderr
        assert "a bug" not in done.stderr
        assert "Traceback" not in done.stderr
