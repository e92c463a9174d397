"""Recipes as their docstrings say: ``gridseval serve`` in one process, ``gridseval run`` here."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from command_line import Said, cli
from recipe_doubles import RECIPES, ROOT, observe, paths

from gridseval.policies import load_policy
from gridseval.suites import Episode

__all__ = ["cli"]

BLOCK = """
import sys
for name in ("mujoco", "robosuite", "libero", "gymnasium", "scipy", "numba", "cv2", "OpenGL", {}):
    sys.modules[name] = None
"""


@contextlib.contextmanager
def served(
    family: str, words: list[str], folder: Path, without: str = "'torch'"
) -> Iterator[tuple[str, list[str]]]:
    """Serve a recipe in a process without a simulator; yield its address and what it said."""
    (folder / "sitecustomize.py").write_text(BLOCK.format(without))
    where = os.pathsep.join([str(folder), *paths(family), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-m", "gridseval", "serve", "--port", "0", *words],
        env={**os.environ, "PYTHONPATH": where},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = []
    try:
        for line in process.stderr:
            lines.append(line)
            if " on ws://" in line:
                break
        assert " on ws://" in lines[-1], "".join(lines)
        yield lines[-1].split()[-1], lines
    finally:
        process.terminate()
        process.communicate(timeout=30)


def evaluated(
    cli: Callable[..., Said], address: str, out: Path, assets: Path, steps: int
) -> tuple[Any, dict[str, Any]]:
    """Run some steps of a task; return what was executed, and what the run records."""
    words = ["--suite", "libero_object", "--tasks", "0", "--trials", "1", "--max-steps", steps]
    more = ["--record-actions", "--workers", "0", "--video", "none", "--assets", assets]
    said = cli("run", *words, "--ckpt", address, "--out", out, *more)
    assert said.status in (0, None), said.err
    executed = np.load(out / "actions" / "libero_object-0-0.npy")
    return executed, yaml.safe_load((out / "run.yaml").read_text(encoding="utf8"))


def test_nora_served_is_evaluated_on_a_task(
    cli: Callable[..., Said], assets: Path, tmp_path: Path
) -> None:
    from test_nora_recipe import expected

    words = ["--policy", f"{RECIPES}/nora.py:Nora", "--ckpt", "declare-lab/nora-long"]
    with served("nora", [*words, "--trust-remote-code"], tmp_path) as (address, _):
        executed, told = evaluated(cli, address, tmp_path / "run", assets, 8)
    np.testing.assert_allclose(executed, [*expected(0), *expected(1)[:3]], atol=1e-6)
    assert told["policy"]["server"]["gridseval"]["description"]["card"]["name"] == "nora"
    assert (told["protocol"], told["env_seed"], told["image_px"]) == ("nora", 0, 256)


def test_worldvla_for_512_px_served_gets_frames_of_512_px(
    cli: Callable[..., Said], assets: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    from test_worldvla_recipe import expected

    folder = tmp_path / "model_512" / "libero_object"
    folder.mkdir(parents=True)
    words = ["--policy", f"{RECIPES}/worldvla.py:WorldVla", "--ckpt", str(folder)]
    given = ["--policy-arg", "device=cpu", "--trust-remote-code"]
    with served("worldvla", [*words, *given], tmp_path, "'jax'") as (address, _):
        executed, told = evaluated(cli, address, tmp_path / "run", assets, 6)
    wanted = [expected(step // 5, step % 5) for step in range(6)]
    np.testing.assert_allclose(executed, wanted, atol=1e-6)
    assert (told["protocol"], told["image_px"]) == ("worldvla-512", 512)


def test_vla_adapter_served_gets_what_is_observed_here(tmp_path: Path) -> None:
    checkpoint = tmp_path / "LIBERO-Object"
    checkpoint.mkdir()
    words = ["--policy", f"{RECIPES}/vla_adapter.py:VlaAdapter", "--ckpt", str(checkpoint)]
    with served("vla_adapter", words, tmp_path) as (address, lines):
        assert any("auto_map into" in line for line in lines)
        client = load_policy(None, address, {}, 7)
        assert client.observation_keys == ("agentview", "wrist", "state")
        assert client.replan == 8
        client.policy.reset([0], [Episode("libero_object", 0, 0)])
        chunk = client.policy.act(observe(0))
        assert chunk.actions.shape == (1, 8, 7)
        client.policy.reset([0], [Episode("libero_goal", 0, 0)])
        refused = client.policy.act(observe(0))
        assert re.search("no statistics of libero_goal", refused.failures[0])


def test_univla_served_acts_as_in_this_process(
    tmp_path: Path, upstream: Callable[[str], None]
) -> None:
    torch: Any = pytest.importorskip("torch")
    from test_univla_recipe import begun, weights

    upstream("univla")
    torch.save(weights(12), tmp_path / "action_decoder.pt")
    local = begun(tmp_path)
    words = ["--policy", f"{RECIPES}/univla.py:UniVla", "--ckpt", str(tmp_path)]
    with served("univla", [*words, "--trust-remote-code"], tmp_path, "'jax'") as (address, _):
        client = load_policy(None, address, {}, 7).policy
        client.reset([0], [Episode("libero_object", 3, 0)])
        for step in range(4):
            seen = observe(step, number=step)
            told, here = client.act(seen), local.act(seen)
            assert not told.failures
            np.testing.assert_array_equal(told.actions, here.actions)


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.py")), ids=lambda path: path.stem)
def test_a_recipe_imports_nothing_heavy_before_its_class_is_made(
    recipe: Path, tmp_path: Path
) -> None:
    names = "'torch', 'tensorflow', 'transformers', 'prismatic', 'experiments'"
    (tmp_path / "sitecustomize.py").write_text(BLOCK.format(names))
    where = os.pathsep.join([str(tmp_path), str(RECIPES), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", f"import {recipe.stem}"],
        env={**os.environ, "PYTHONPATH": where},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
