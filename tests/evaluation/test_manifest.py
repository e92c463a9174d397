"""What run.yaml says of versions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import gridseval
from gridseval.evaluation.manifest import _versions
from gridseval.results import manifest_differences
from gridseval.results.run.keys import RESUME


@pytest.mark.parametrize("name", ["torch", "my.module:Policy"])
def test_torch_is_recorded_where_the_policy_uses_it(name: str) -> None:
    def versions(**description: Any) -> dict[str, str]:
        prepared: Any = SimpleNamespace(loaded=SimpleNamespace(name=name, description=description))
        return _versions(prepared)

    assert versions(torch="2.9.1+cpu")["torch"] == "2.9.1+cpu"
    assert "torch" not in versions(torch=None)
    assert "torch" not in versions()
    assert versions()["robosuite"] == "1.4.0"
    assert versions()["gridseval"] == gridseval.__version__


def test_what_decides_no_outcome_may_differ() -> None:
    before = {"seed": 7, "retry_errors": False, "timeout_s": 180.0}
    after = {"seed": 7, "retry_errors": True, "timeout_s": float("inf")}
    assert list(manifest_differences(before, after, RESUME)) == []
    assert list(manifest_differences(before, after)) != []
