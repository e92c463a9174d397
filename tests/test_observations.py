"""Observations of several environments become one batch."""

from __future__ import annotations

import numpy as np

from gridseval.observations import stacked


def test_arrays_are_stacked_and_texts_stay_apart() -> None:
    one = {"state": np.zeros(8, np.float32), "instruction": "a", "steps": 3, "privileged": {}}
    other = {"state": np.ones(8, np.float32), "instruction": "b", "steps": 4, "privileged": {1: 2}}
    batch = stacked([one, other])
    assert list(batch) == ["state", "instruction", "steps", "privileged"]
    assert batch["state"].dtype == np.float32
    np.testing.assert_array_equal(batch["state"], [[0] * 8, [1] * 8])
    assert batch["instruction"] == ("a", "b")
    np.testing.assert_array_equal(batch["steps"], [3, 4])
    assert batch["privileged"] == ({}, {1: 2})
