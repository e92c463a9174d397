"""The wrapper of policies that may skip queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, check_chunk, load_policy
from gridseval.policies.skipping import SkippingPolicy
from gridseval.suites import Episode
from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.tokens.skipping import Actions, Skipping, SlotHistory

TRACE = TokenTrace((CameraTrace("wrist", (1, 2), kept=np.array([True, False])),))


class EveryOther(Skipping):
    """Skips each slot's second query, fourth query, and so on."""

    def __init__(self) -> None:
        super().__init__(5)

    def decide(self, history: SlotHistory) -> Actions | None:
        return None if history.skipped else history.chunk * 2  # type: ignore[operator]


class Counting:
    """Answers with the number of its calls, in each slot's first component with the slot."""

    def __init__(self, fail: int | None = None) -> None:
        self.calls: list[list[int]] = []
        self.began: list[int] = []
        self._fail = fail

    def reset(self, slots: Any, episodes: Any) -> None:
        self.began += list(slots)

    def act(self, observations: Any) -> ActionChunk:
        slots = [int(slot) for slot in observations["slots"]]
        assert len(observations["instruction"]) == len(slots)
        self.calls.append(slots)
        actions = np.zeros((len(slots), 3, 7), np.float32)
        actions[:, :, 0], actions[:, :, 1] = np.array(slots)[:, None], len(self.calls)
        failures = {row: "gone" for row, slot in enumerate(slots) if slot == self._fail}
        remarks = tuple({"slot": slot} for slot in slots)
        return ActionChunk(actions, (TRACE,) * len(slots), failures, remarks=remarks)


def shown(slots: list[int], steps: list[int]) -> dict[str, Any]:
    return {
        "slots": np.array(slots),
        "steps": np.array(steps),
        "instruction": tuple(f"task {slot}" for slot in slots),
    }


def test_only_slots_that_need_the_model_are_asked() -> None:
    inner, rule = Counting(), EveryOther()
    policy = SkippingPolicy(inner, rule)
    policy.reset([0, 1], [Episode("libero_goal", 0, 0), Episode("libero_goal", 1, 0)])
    first = policy.act(shown([1], [0]))
    second = policy.act(shown([0, 1], [0, 2]))
    third = policy.act(shown([1, 0], [4, 2]))
    assert inner.calls == [[1], [0], [1]]
    assert first.skipped == (False,) and first.traces == (TRACE,)
    assert second.skipped == (False, True) and second.traces == (TRACE, TRACE)
    assert second.remarks == ({"slot": 0}, None)
    assert second.actions[:, 0, :2].tolist() == [[0, 2], [2, 2]]
    assert third.skipped == (False, True)
    assert third.actions[:, 0, :2].tolist() == [[1, 3], [0, 4]]
    told = [(each.action[1], each.generated) for each in rule.history(1).executed]
    assert told == [(1, True), (1, True), (2, False), (2, False)]  # two of each chunk's three
    policy.reset([1], [Episode("libero_goal", 2, 0)])
    assert policy.act(shown([1], [0])).skipped == (False,)
    assert not rule.history(1).executed
    assert inner.began == [0, 1, 1]


def test_no_call_where_all_skip() -> None:
    inner = Counting()
    policy = SkippingPolicy(inner, EveryOther())
    policy.act(shown([0, 1], [0, 0]))
    assert policy.act(shown([0, 1], [3, 3])).skipped == (True, True)
    assert len(inner.calls) == 1


def test_failures_keep_their_place() -> None:
    policy = SkippingPolicy(Counting(fail=2), EveryOther())
    policy.act(shown([0], [0]))
    chunk = policy.act(shown([0, 1, 2], [3, 0, 0]))
    assert chunk.failures == {2: "gone"}
    assert chunk.skipped == (True, False, False)


OWN = """
import numpy as np
from gridseval.policies import EnvironmentNeeds
from gridseval.tokens.skipping import ChunkReuse

class Moving:
    batches = False
    skipping = ChunkReuse(180, 0, 1)

    def reset(self, slots, episodes):
        pass

    def act(self, observations):
        return np.ones((1, 1, 7), np.float32)

class Going(Moving):
    needs = EnvironmentNeeds(actions="absolute")

class Wrong(Moving):
    skipping = True
"""


def test_a_policy_of_ones_own_may_skip(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN, encoding="utf8")
    loaded = load_policy(f"{file}:Moving", None, {}, 0)
    assert isinstance(loaded.policy, SkippingPolicy)
    assert loaded.remembers_actions
    assert any("answers some queries without its model" in note for note in loaded.notes)
    assert loaded.policy.act(shown([0, 1], [0, 0])).skipped == (False, False)
    with pytest.raises(PolicyError, match="acts by goal poses"):
        load_policy(f"{file}:Going", None, {}, 0)
    with pytest.raises(PolicyError, match="has skipping True"):
        load_policy(f"{file}:Wrong", None, {}, 0)
    assert not load_policy("zero", None, {}, 0).remembers_actions


@pytest.mark.parametrize("skipped", [(True,), (1, 0), "no", (None, True)])
def test_what_is_skipped_is_checked(skipped: Any) -> None:
    chunk = ActionChunk(np.zeros((2, 1, 7), np.float32), skipped=skipped)
    with pytest.raises(PolicyError, match="returned skipped"):
        check_chunk(chunk, 2)
    good = ActionChunk(np.zeros((2, 1, 7), np.float32), skipped=(True, False))
    assert check_chunk(good, 2).skipped == (True, False)
    assert check_chunk(good.actions, 2).skipped == ()
