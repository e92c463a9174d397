"""A LeRobot checkpoint without statistics is refused: LeRobot would act unnormalised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lerobot_environments import HERE, run

pytestmark = pytest.mark.slow


def test_statistics_that_lerobot_would_do_without_are_asked_for(
    lerobot_environment: dict[str, str], checkpoints: Path, tmp_path: Path
) -> None:
    words = [str(HERE / "statistics_policies.py"), str(checkpoints), str(tmp_path)]
    told = json.loads(run(words, lerobot_environment).rpartition("told:")[2])
    refused, notes = told.pop("act: renamed")
    assert refused == ""
    assert "image is not normalised (MEAN_STD): its statistics are kept under" in notes
    assert len(told) == 32
    for case, (refused, notes) in told.items():
        problem = case.partition(": ")[2]
        if problem == "as saved":
            assert refused == "", case
            assert "normalised" not in notes, case
        else:
            assert f"the statistic {problem}" in refused, case
            assert "\n" not in refused, case
