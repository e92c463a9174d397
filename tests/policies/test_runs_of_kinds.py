"""Kinds without tests of their own for it, on a real task: programs, and classes by their place.

The others' are beside their tests, and in ``tests/evaluation``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gridseval.evaluation import RunConfig, evaluate
from gridseval.results.run.reading import read_run

CLASS = """
import numpy as np

class Looking:
    def reset(self, slots, episodes):
        pass

    def act(self, observations):
        assert observations["agentview"].shape[1:] == (256, 256, 3)
        return np.zeros((len(observations["slots"]), 3, 7), np.float32)
"""


@pytest.mark.parametrize("kind", ["torch", "file", "module"])
def test_it_runs_on_a_task(
    kind: str,
    request: pytest.FixtureRequest,
    assets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "own_policies.py").write_text(CLASS)
    monkeypatch.syspath_prepend(tmp_path)
    policy, checkpoint = {
        "torch": (None, "any.pt2"),
        "file": (f"{tmp_path}/own_policies.py:Looking", None),
        "module": ("own_policies:Looking", None),
    }[kind]
    if checkpoint is not None:
        checkpoint = str(request.getfixturevalue("programs") / checkpoint)
    config = RunConfig(
        *("libero_object", tmp_path / "run"),
        policy=policy,
        checkpoint=checkpoint,
        tasks="0",
        trials=1,
        max_steps=6,
        workers=0,
        video="none",
        assets=str(assets),
    )
    assert evaluate(config).tally.errors == 0
    run = read_run(tmp_path / "run")
    (record,) = run.records
    assert (record.status, record.steps, record.queries) == ("failure", 6, 2)
    said = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["policy"]
    assert said["kind"] == (policy or "torch")
    assert (said["sha256"] is None) == (checkpoint is None)
