from __future__ import annotations

import numpy as np
import pytest

from gridseval.doctor.bowl import BOWL, RAMEKIN, judge_bowl


def objects(beside_m: float, above_m: float) -> dict[str, np.ndarray]:
    ramekin = np.array([-0.2, 0.2, 0.9, 1, 0, 0, 0])
    return {RAMEKIN: ramekin, BOWL: ramekin + np.array([beside_m, 0, above_m, 0, 0, 0, 0])}


def test_bowl_as_mujoco_3_3_leaves_it() -> None:
    finding = judge_bowl([objects(0.0145, 0.0351)] * 3, force=False)
    assert finding.status == "ok"
    assert "3 of 3" in finding.text and "1.5 cm" in finding.text


@pytest.mark.parametrize(
    ("beside_m", "above_m"), [(0.0371, 0.0411), (0.01, 0.0)], ids=["slid", "fell"]
)
def test_bowl_that_slid_or_fell(beside_m: float, above_m: float) -> None:
    trials = [objects(0.0145, 0.0351), objects(beside_m, above_m)]
    assert judge_bowl(trials, force=False).status == "failure"
    forced = judge_bowl(trials, force=True)
    assert forced.status == "warning"
    assert "1 of 2" in forced.text
    assert forced.hint is not None and "2.5 cm" in forced.hint
