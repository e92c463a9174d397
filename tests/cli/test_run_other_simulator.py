"""A run that another copy of ``libero`` or ``robosuite`` would simulate."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from simulator_clones import clone, rewrite

Words = Callable[..., list[object]]
ROOT = Path(__file__).resolve().parents[2]
TASK = "libero/libero/bddl_files/libero_object/pick_up_the_alphabet_soup_and_place_it_in_the_basket"


def on_path(folder: Path) -> str:
    return os.pathsep.join(map(str, (folder, ROOT)))


@pytest.fixture
def other_goal(tmp_path: Path) -> str:
    """Return a path whose libero asks for another goal."""
    top = clone("libero", tmp_path / "other")
    rewrite(top / f"{TASK}.bddl", "(In alphabet_soup_1", "(In cream_cheese_1")
    return on_path(top)


def test_numbers_of_another_goal_are_never_taken_for_libero_s(
    command: Any, run_words: Words, tmp_path: Path, other_goal: str
) -> None:
    words = run_words("zero", "--trials", 1, "--video", "none")
    said = command(*words, PYTHONPATH=other_goal)
    assert (said.status, said.out) == (3, "")
    assert f"libero is imported from {tmp_path}/other/libero: its tasks are not" in said.err
    assert "take it off PYTHONPATH" in said.err and "Traceback" not in said.err
    assert not (tmp_path / "run").exists()

    forced = command(*words, "--force", PYTHONPATH=other_goal)
    assert forced.status == 0, forced.err
    stored = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text(encoding="utf8"))
    assert "its tasks are not" in stored["simulator"]["foreign"]["libero"]
    assert stored["versions"]["hf-libero"] == "unknown"
    assert "its tasks are not hf-libero 0.1.4's" in " ".join(forced.out.split())
    table = (tmp_path / "run" / "table.md").read_text(encoding="utf8")
    assert "its tasks are not" in table

    resumed = command(*words)
    assert resumed.status == 5 and "simulator.libero.tasks: " in resumed.err
    assert command(*words, "--out", tmp_path / "own").status == 0  # the last --out counts
    pair = (tmp_path / "own", tmp_path / "run")
    for name in ("compare", "table", "report"):
        refused = command(name, *pair)
        assert refused.status == 2 and "simulator.libero.tasks: " in refused.err, refused
    gated = command("gate", pair[1], "--baseline", pair[0])
    assert gated.status == 2 and "simulator.libero.tasks: " in gated.out
    shown = command("table", *pair, "--force")
    assert shown.status == 0 and "simulator.libero.tasks: " in " ".join(shown.out.split())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_later_robosuite_is_refused_before_the_first_episode(
    command: Any, run_words: Words, tmp_path: Path, workers: int
) -> None:
    folder = tmp_path / "later" / "robosuite"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('__version__ = "1.5.1"\n', encoding="utf8")
    words = run_words("zero", "--workers", workers)
    said = command(*words, PYTHONPATH=on_path(folder.parent))
    assert said.status == 3
    assert f"robosuite is imported from {folder}: version 1.5.1" in said.err
    forced = command(*words, "--force", PYTHONPATH=on_path(folder.parent))
    assert forced.status == 3
    assert "cannot be imported" in forced.err and "bug in gridseval" not in forced.err


def test_a_clone_that_lacks_an_attribute_is_to_blame_and_not_the_assets(
    command: Any, run_words: Words, tmp_path: Path
) -> None:
    top = clone("libero", tmp_path / "other")
    rewrite(top / "libero/libero/__init__.py", "_assets_path_cache", "_assets_path")
    said = command(*run_words("zero"), "--force", PYTHONPATH=on_path(top))
    assert said.status == 3
    last = said.err.splitlines()[-2]
    assert f"libero is imported from {top / 'libero'}" in last and "_assets_path_cache" in last
    assert "the assets in" not in last


def test_doctor_names_another_copy(other_goal: str) -> None:
    code = "from gridseval.doctor import packages; print([*packages.check_simulator_files(False)])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": other_goal},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "its tasks are not" in done.stdout and "status='failure'" in done.stdout
