"""Old names of modules: policies that are named by them load, and old runs are the same runs."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest
import yaml

from gridseval.moved import MOVED, present_target
from gridseval.policies import load_policy
from gridseval.policies.random_actions import RandomPolicy
from gridseval.results.run.manifest import read_manifest
from gridseval.results.run.resuming import settle_manifest

OLD = "gridseval.policies.random:RandomPolicy"
NEW = "gridseval.policies.random_actions:RandomPolicy"


def test_old_modules_are_gone_and_new_ones_exist() -> None:
    for old, new in MOVED.items():
        assert importlib.util.find_spec(old) is None
        assert importlib.import_module(new)


@pytest.mark.parametrize("text", ["random", "gridseval.policies.random", "a/b.py:C", NEW])
def test_other_names_stay(text: str) -> None:
    assert present_target(text) == text


def test_a_policy_loads_by_its_old_path_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="is now gridseval.policies.random_actions:Random"):
        loaded = load_policy(OLD, None, {}, 7)
    assert isinstance(loaded.policy, RandomPolicy)
    assert (loaded.name, loaded.description["class"]) == (NEW, NEW)


@pytest.mark.parametrize(("kind", "now"), [("random", "random"), (OLD, NEW)])
def test_a_run_of_the_old_path_is_resumed(tmp_path: Path, kind: str, now: str) -> None:
    """Its policy's name is as given by ``--policy``."""
    path = tmp_path / "run.yaml"
    policy = {"name": kind, "kind": kind, "class": OLD, "checkpoint": None}
    stored = {"suite": "libero_goal", "policy": policy}
    path.write_text(yaml.safe_dump(stored), encoding="utf8")
    present = {"name": now, "kind": now, "class": NEW, "checkpoint": None}
    assert read_manifest(path)["policy"] == present
    given = {"suite": "libero_goal", "policy": present}
    assert settle_manifest(path, given).manifest == given
