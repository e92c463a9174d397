"""Checkpoints that ship: found by name, small, each with its card, and able to solve tasks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import Said
from command_line import cli as cli

from gridseval.data import data_dir
from gridseval.errors import PolicyError
from gridseval.policies import load_policy
from gridseval.policies.identity import checkpoint_sha256
from gridseval.policies.reference import list_references, reference_folder

MB = 10**6
NAMES = list_references()


def test_there_are_some_and_all_together_are_small() -> None:
    assert NAMES
    files = [file for file in (data_dir("policies") / "reference").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 40 * MB


@pytest.mark.parametrize("name", NAMES)
def test_each_has_its_card_and_all_that_repeats_it(name: str) -> None:
    folder = reference_folder(name)
    assert folder is not None
    assert (folder / "model.safetensors").stat().st_size <= 8 * MB
    card = (folder / "README.md").read_text(encoding="utf8")
    assert "gridseval train nano" in card
    assert "What it is not for" in card
    record = yaml.safe_load((folder / "train.yaml").read_text(encoding="utf8"))
    assert record["finished"]
    assert record["data"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_loads_it_and_says_so(name: str) -> None:
    loaded = load_policy(None, name, {}, 7)
    assert loaded.name == "nano"
    assert loaded.description["checkpoint"] == name
    assert loaded.description["sha256"] == checkpoint_sha256(str(reference_folder(name)))
    assert "untrained" not in loaded.description
    assert any(f"{name} ships with gridseval" in note for note in loaded.notes)


def test_a_folder_of_the_users_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = reference_folder(NAMES[0])
    assert found is not None
    shutil.copytree(found, tmp_path / NAMES[0])
    assert reference_folder(NAMES[0]) is None
    notes = load_policy(None, NAMES[0], {}, 7).notes
    assert not any("ships with gridseval" in note for note in notes)


def test_a_name_that_is_nearly_right_is_told() -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(None, f"{NAMES[0]}x", {}, 7)
    assert caught.value.hint == f"did you mean {NAMES[0]!r}?"


@pytest.mark.slow
@pytest.mark.development_models
def test_it_solves_tasks_of_libero_object(
    assets: Path, tmp_path: Path, cli: Callable[..., Said]
) -> None:
    """Stored initial states, which training never saw; other processors round otherwise."""
    words: list[Any] = ["--suite", "libero_object", "--ckpt", "nano-grids-16", "--assets", assets]
    words += ["--tasks", "0,1", "--trials", 4, "--workers", 2, "--video", "none"]
    assert cli("run", *words, "--out", tmp_path / "run").status == 0
    gate = cli("gate", tmp_path / "run", "--min-success", 0.6, "--max-drop", 0.05)
    assert gate.status in (0, 2), gate.out
