"""Code of a suite: objects of the user's own, with the user's consent only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import cli as cli

from gridseval.envs.libero_env import LiberoEnv
from gridseval.envs.libero_package import package_root
from gridseval.errors import UsageError
from gridseval.results import read_records
from gridseval.suites import load_suite, suite_digest

CODE = """
from pathlib import Path

from libero.libero.envs.base_object import register_object
from libero.libero.envs.objects.google_scanned_objects import GoogleScannedObject

(Path(__file__).parent / "ran").touch()


@register_object
class TwinBowl(GoogleScannedObject):
    def __init__(self, name="twin_bowl", obj_name="akita_black_bowl"):
        super().__init__(name, obj_name)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A suite of one task, whose bowl is an object of its own kind."""
    folder = tmp_path / "twins"
    folder.mkdir()
    path = package_root() / "bddl_files/libero_goal/put_the_bowl_on_the_plate.bddl"
    text = path.read_text()
    changed = text.replace(
        "akita_black_bowl_1 - akita_black_bowl", "akita_black_bowl_1 - twin_bowl"
    )
    assert changed != text
    (folder / "bowl.bddl").write_text(changed)
    (folder / "objects.py").write_text(CODE)
    keys = {
        "name": "twins",
        "title": "Twins",
        "max_steps": 300,
        "settle_steps": 10,
        "trials": 2,
        "cameras": ["agentview", "robot0_eye_in_hand"],
        "tasks": ["bowl"],
        "starts": "fresh",
        "code": "objects.py",
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(keys))
    return folder


def test_nothing_runs_unasked(folder: Path, tmp_path: Path, assets: Path, cli: Any) -> None:
    run = ("run", "--suite", folder, "--policy", "zero", "--out", tmp_path / "run")
    said = cli(*run, "--assets", assets)
    assert said.status == 2
    assert "objects.py" in said.err and "--trust-remote-code" in said.err
    assert cli("suites", folder).status == 0
    env = LiberoEnv(folder, assets=str(assets), observations=("state",), starts="fresh")
    with pytest.raises(UsageError, match="trust_remote_code=True"):
        env.reset()
    env.close()
    assert not (folder / "ran").exists()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", ["1"])
def test_objects_of_ones_own(
    folder: Path, tmp_path: Path, assets: Path, cli: Any, workers: str
) -> None:
    out = tmp_path / "run"
    said = cli(
        *("run", "--suite", folder, "--policy", "oracle", "--out", out, "--assets", assets),
        *("--trials", "1", "--workers", workers, "--video", "none", "--trust-remote-code"),
    )
    assert said.status == 0, said
    assert (folder / "ran").exists()
    (record,) = read_records(out / "episodes.jsonl")
    assert record.status == "success"


def test_code_is_part_of_the_hash(folder: Path) -> None:
    before = suite_digest(load_suite(folder))
    (folder / "objects.py").write_text(CODE + "\n# changed\n")
    assert suite_digest(load_suite(folder)) != before


@pytest.mark.parametrize("name", ["absent.py", "suite.yaml", "../../etc/passwd"])
def test_code_that_is_not_a_python_file(folder: Path, name: str) -> None:
    text = (folder / "suite.yaml").read_text()
    (folder / "suite.yaml").write_text(text.replace("objects.py", name))
    with pytest.raises(UsageError, match="is not a Python file"):
        load_suite(folder)


def test_code_that_raises_is_the_machines_fault(
    folder: Path, tmp_path: Path, assets: Path, cli: Any
) -> None:
    (folder / "objects.py").write_text("raise RuntimeError('no such asset')\n")
    said = cli(
        *("run", "--suite", folder, "--policy", "zero", "--out", tmp_path / "run", "--workers", 1),
        *("--assets", assets, "--video", "none", "--trials", 1, "--trust-remote-code"),
    )
    assert said.status == 3, said
    assert "RuntimeError: no such asset" in said.err
