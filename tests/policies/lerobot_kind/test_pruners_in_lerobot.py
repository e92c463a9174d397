"""Pruners in LeRobot's own π0, π0.5 and SmolVLA, in an environment of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lerobot_environments import HERE, run

from gridseval.tokens.pruners import list_pruners

pytestmark = [
    pytest.mark.slow,
    # The small Gemma that stands for the branch of transformers of LeRobot 0.4.4 calls no layers.
    pytest.mark.parametrize("lerobot_environment", ["0.6.1"], indirect=True),
]

KEEPS_ALL = ("dense", "vla_cache")
AT_ENCODER = ("lightvla_star encoder", "sp_vla")
WHOLE = {
    "efficientvla",
    "fastv",
    "flashvla",
    "random",
    "sparsevlm",
    "topk",
    "uniform",
    "vla_pruner",
}


def check_whole(told: list[dict[str, Any]]) -> None:
    """Pruners that keep everything leave the model's answer as it is, to the bit."""
    whole = {row["whole"]: row["from_dense"] for row in told if "whole" in row}
    assert whole == dict.fromkeys(WHOLE, 0.0)


@pytest.mark.parametrize("kind", ["pi0", "pi05"])
def test_each_equals_masking_what_it_prunes(kind: str, lerobot_environment: dict[str, str]) -> None:
    said = run([str(HERE / "pruners_in_pi.py"), kind], lerobot_environment)
    told = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    check_whole(told)
    rows = [row for row in told if "name" in row]
    assert {row["name"].split()[0] for row in rows} == {*list_pruners()}
    for row in rows:
        name = row["name"]
        assert row.get("features_apart", 0) == 0 and row.get("looks_apart", 0) < 1e-5, name
        assert ("features_apart" in row) == (name in AT_ENCODER), name
        assert row["apart"] < 1e-4 * row["range"], name
        assert row["restored"] and row["finite"], name
        assert (row["from_dense"] == 0) == (name in KEEPS_ALL), name
        assert (max(row["kept"]) == 32) == (name in KEEPS_ALL), name
        looks = {"vla_cache": [0] * 6, "vla_pruner": [8]}.get(name, [])
        assert row["action_rows"] == looks, name


@pytest.mark.parametrize("kind", ["pi0", "pi05"])
def test_reuse_is_overwriting_keys_and_values(
    kind: str, lerobot_environment: dict[str, str]
) -> None:
    said = run([str(HERE / "reuse_in_pi.py"), kind], lerobot_environment)
    check_reuse([json.loads(line) for line in said.splitlines() if line.startswith("{")])


def check_reuse(told: list[dict[str, Any]]) -> None:
    first, *rows = told
    assert first["reused"] == [0, 0] and first["from_dense"] == 0
    assert len(rows) == 2
    dense = first["dense"]
    for row in (first, *rows):
        assert row["apart"] < 1e-4 * row["range"]
        assert row["restored"]
        assert row["kept"] == [dense, dense]
        assert row["ran"][-1] == [dense - count for count in row["reused"]]
    for row in rows:
        assert row["reused"][0] != row["reused"][1] and min(row["reused"]) > 0
        assert row["from_dense"] > 1e-3 * row["range"]


@pytest.mark.parametrize("kind", ["pi0", "pi05"])
def test_denoising_steps_are_saved(kind: str, lerobot_environment: dict[str, str]) -> None:
    said = run([str(HERE / "head_in_pi.py"), kind], lerobot_environment)
    told = json.loads(said.splitlines()[-1])
    assert told["apart"] < 1e-5 * told["range"] < told["from_dense"]
    assert told["repeats"] and told["restored"]
    assert (told["ran"], told["steps"]) == (2, 3)


def test_each_equals_masking_in_smolvla(
    lerobot_environment: dict[str, str], tmp_path: Path
) -> None:
    said = run([str(HERE / "pruners_in_smolvla.py"), str(tmp_path)], lerobot_environment)
    told = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    check_whole(told)
    rows = {each["name"]: each for each in told if "name" in each}
    assert {name.split()[0] for name in rows} == {*list_pruners()}
    for name, row in rows.items():
        assert row.get("features_apart", 0) == 0 and row.get("looks_apart", 0) < 1e-5, name
        assert ("features_apart" in row) == (name in AT_ENCODER), name
        assert row["apart"] < 1e-4 * row["range"], name
        assert row["restored"], name
        assert (row["from_dense"] == 0) == (name in KEEPS_ALL), name
        assert (min(row["kept"]) == row["dense"]) == (name in KEEPS_ALL), name
        assert row["finite"]
        looks = {"vla_cache": [0] * 6, "vla_pruner": [8]}.get(name, [])
        assert row["action_rows"] == looks, name
    assert rows["vla_pruner"]["attention_apart"] < 1e-5


def test_reuse_is_overwriting_keys_and_values_in_smolvla(
    lerobot_environment: dict[str, str], tmp_path: Path
) -> None:
    said = run([str(HERE / "reuse_in_smolvla.py"), str(tmp_path)], lerobot_environment)
    check_reuse([json.loads(line) for line in said.splitlines() if line.startswith("{")])


@pytest.fixture(scope="module")
def pruned(lerobot_environment: dict[str, str], checkpoints: Path) -> Any:
    """Return what gridseval makes of LeRobot's checkpoints with pruners."""
    said = run([str(HERE / "prune_policies.py"), str(checkpoints)], lerobot_environment)
    return json.loads(said.rpartition("told:")[2])


def test_the_kind_takes_a_pruner(pruned: Any) -> None:
    for case, found in pruned["pruned"].items():
        name = case.split()[1]
        side = 8 if case.startswith("smolvla") else 2
        assert found["grids"] == [[side, side]] * 2, case
        assert found["details"]["name"] == name
        whole = min(found["kept"]) == 2 * side**2
        assert (found["from_plain"] == 0) == whole, case
        assert whole == (name in KEEPS_ALL) or name == "sp_vla", case
        assert found["alone"] == 0, case
        assert found["batch"] < 1e-4, case
        drawn = name in ("grids", "lightvla_star")
        assert any("is untrained" in note for note in found["notes"]) == drawn, case
        if name in ("vla_cache", "sp_vla"):
            low, high = found["pixels"]
            assert 0 <= low < 60 and 200 < high <= 255, case


def test_a_fresh_grids_takes_its_own_arguments(pruned: Any) -> None:
    """The kind has arguments of the same names, for samplers that are loaded."""
    expected = {"k": 2, "convention": "lerobot", "interpolation": "nearest", "margin": 0.1}
    assert pruned["grids"] == expected


def test_what_does_not_fit_is_refused(pruned: Any) -> None:
    refused = pruned["refused"]
    assert "pruner 'fastv' cannot be put into LeRobot's 'act'" in refused["another type"]
    assert "pruners go into pi0, pi05, smolvla" in refused["another type"]
    assert "pruner 'fastv' has no argument 'kk'" in refused["an argument"]
    assert "policy 'lerobot' has no argument 'k'" in refused["no pruner"]
    assert "needs decoder layer 2, the model has 2" in refused["a layer"]
    assert "k=5 is more than the 2 x 2 = 4 tokens" in refused["a budget"]
    assert "has queries of width 9, the tokens have 16" in refused["queries of another width"]
