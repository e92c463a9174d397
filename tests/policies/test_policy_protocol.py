from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, check_actions, check_chunk
from gridseval.policies.one_by_one import OneByOne
from gridseval.policies.remark_check import checked_remarks


def test_a_chunk_and_a_bare_array_and_a_tensor_come_back_as_float32() -> None:
    import torch

    actions = np.linspace(-1, 1, 2 * 3 * 7).reshape(2, 3, 7)
    for given in (
        ActionChunk(actions.astype(np.float32)),
        actions,
        actions.tolist(),
        torch.tensor(actions, requires_grad=True),
    ):
        checked = check_actions(given, 2)
        assert checked.dtype == np.float32 and checked.flags.c_contiguous
        np.testing.assert_array_equal(checked, actions.astype(np.float32))


def test_bfloat16_tensors_are_accepted() -> None:
    import torch

    checked = check_actions(torch.full((1, 2, 7), 0.5, dtype=torch.bfloat16), 1)
    np.testing.assert_array_equal(checked, np.full((1, 2, 7), 0.5, np.float32))


def test_values_out_of_range_pass_unclipped() -> None:
    assert check_actions(np.full((1, 1, 7), 3.5), 1).max() == 3.5


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 7), r"\(2, 7\), expected \(2, steps, 7\) \(.*actions\[:, None\]"),
        ((3, 4, 7), r"\(3, 4, 7\), expected \(2, steps, 7\)"),
        ((2, 4, 8), r"\(2, 4, 8\), expected"),
        ((2, 0, 7), r"at least one step"),
        ((7,), r"\(7,\), expected"),
    ],
)
def test_a_wrong_shape_says_what_was_expected_and_what_came(
    shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(PolicyError, match=words):
        check_actions(np.zeros(shape, np.float32), 2)


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        (np.zeros((1, 1, 7), np.int64), "type int64"),
        (np.zeros((1, 1, 7), np.complex64), "type complex64"),
        (None, "type NoneType"),
        ({"actions": 1}, "type dict"),
        ([[1.0], [1.0, 2.0]], "which is not an array"),
    ],
)
def test_a_wrong_type_is_named(actions: Any, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        check_actions(actions, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_is_found_by_slot_step_and_component(value: float) -> None:
    actions = np.zeros((3, 4, 7))
    actions[1, 2, 6] = value
    words = re.escape("at batch position 1, chunk step 2, action component 6 (1 such")
    with pytest.raises(PolicyError, match=words):
        check_actions(actions, 3)


def test_remarks_are_plain_values_one_per_slot() -> None:
    actions = np.zeros((2, 1, 7), np.float32)
    said = ({"phase": "carry", "n": [1, 2.5, None]}, None)
    assert check_chunk(ActionChunk(actions, remarks=said), 2).remarks == said
    assert check_chunk(ActionChunk(actions), 2).remarks == ()
    assert check_chunk(actions, 2).remarks == ()


@pytest.mark.parametrize(
    ("remarks", "words"),
    [
        (({},), "1 remarks for 2 slots"),
        ([{}, {}], "list for 2 slots"),
        (("approach", None), "the remark at batch position 0 is not plain values"),
        ((None, {"place": np.zeros(3)}), "the remark at batch position 1 is not plain values"),
        ((None, {"far": float("inf")}), "the remark at batch position 1 is not plain values"),
    ],
)
def test_wrong_remarks_are_refused(remarks: Any, words: str) -> None:
    chunk = ActionChunk(np.zeros((2, 1, 7), np.float32), remarks=remarks)
    with pytest.raises(PolicyError, match=words):
        check_chunk(chunk, 2)


def test_remarks_of_a_policy_that_takes_one_slot_at_a_time() -> None:
    class Alone:
        batches = False

        def reset(self, slots: Any, episodes: Any) -> None: ...

        def act(self, observations: Any) -> Any:
            slot = int(observations["slots"][0])
            actions = np.zeros((1, 1, 7), np.float32)
            return ActionChunk(actions, remarks=({"slot": slot},)) if slot else actions

    chunk = OneByOne(Alone()).act({"slots": np.arange(3)})
    assert chunk.remarks == (None, {"slot": 1}, {"slot": 2})


def test_a_remark_is_copied_and_must_be_short_and_plain() -> None:
    """A policy may fill one mapping again and again; a record keeps what it said then."""
    shared: dict[str, Any] = {"slot": 0}
    first, second = checked_remarks((shared, None), 2)
    shared["slot"] = float("nan")
    assert (first, second) == ({"slot": 0}, None)
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    for wrong in (shared, {"deep": deep}, {"long": "x" * 16_000}, [("a", 1)], {"a": {1, 2}}):
        with pytest.raises(PolicyError, match="at batch position 1"):
            checked_remarks((None, wrong), 2)
