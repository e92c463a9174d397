"""What is recorded of two policies, one that acts and one that labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridseval.collecting.noise import ActionNoise
from gridseval.collecting.recorder import RecordingPolicy
from gridseval.collecting.staging import read_staged, stage
from gridseval.errors import OutputError, PolicyError
from gridseval.policies import ActionChunk, LoadedPolicy
from gridseval.suites import Episode

EPISODES = [Episode("libero_goal", 0, trial) for trial in range(2)]
STILL = ActionNoise(0.0, 0.0, 0)


class Constant:
    """Returns chunks of one value, and may spoil its observations or fail."""

    def __init__(
        self,
        value: float,
        lengths: Sequence[int] = (8,),
        failures: Mapping[int, str] | None = None,
        bare: bool = False,
    ) -> None:
        self.value, self.lengths, self.failures, self.bare = value, list(lengths), failures, bare

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Do nothing."""

    def act(self, observations: Mapping[str, Any]) -> Any:
        length = self.lengths.pop(0) if len(self.lengths) > 1 else self.lengths[0]
        batch = len(observations["slots"])
        actions = np.full((batch, length, 7), self.value, np.float32)
        observations["agentview"][:] = 0
        return actions if self.bare else ActionChunk(actions, failures=self.failures or {})


def loaded(policy: Any) -> LoadedPolicy:
    return LoadedPolicy(policy, "constant", ("state",), None, {})


def recording(acting: Any, labelling: Any, replan: int = 4) -> RecordingPolicy:
    made = RecordingPolicy(loaded(acting), loaded(labelling), STILL, replan)
    made.reset([0, 1], EPISODES)
    return made


def seen(step: int = 0) -> dict[str, Any]:
    return {
        "slots": np.arange(2),
        "steps": np.full(2, step),
        "agentview": np.full((2, 4, 4, 3), 200, np.uint8),
        "wrist": np.full((2, 4, 4, 3), 100, np.uint8),
        "state": np.ones((2, 8), np.float32),
    }


def test_one_acts_and_the_other_labels() -> None:
    policy = recording(Constant(0.1), Constant(0.2))
    chunk = policy.act(seen())
    assert chunk.actions[0, 0, 0] == np.float32(0.1)
    (sample,) = policy.take(EPISODES[1])
    assert sample.executed[0, 0] == np.float32(0.1)
    assert sample.label[0, 0] == np.float32(0.2)
    assert (sample.agentview == 200).all(), "as observed, whatever the policy did to it"
    assert policy.take(EPISODES[1]) == []


def test_a_failed_label_is_none() -> None:
    """The slot gets no actions, so that the episode is tried again."""
    policy = recording(Constant(0.1), Constant(0.5, failures={1: "its server is gone"}))
    assert policy.act(seen()).failures == {1: "its server is gone"}
    assert len(policy.take(EPISODES[0])) == 1
    assert policy.take(EPISODES[1]) == []


def test_bare_arrays_are_actions() -> None:
    policy = recording(Constant(0.1, bare=True), Constant(0.2, bare=True))
    assert policy.act(seen()).actions.shape == (2, 8, 7)


def test_labels_have_one_length_and_chunks_last_until_the_next_frame() -> None:
    policy = recording(Constant(0.1), Constant(0.2, lengths=(8, 4)))
    policy.act(seen())
    with pytest.raises(PolicyError, match="chunks of 4 and 8 actions"):
        policy.act(seen(4))
    with pytest.raises(PolicyError, match="chunks of 8 actions, and a frame is wanted every 10"):
        recording(Constant(0.1), Constant(0.1), replan=10).act(seen())


def test_images_are_averaged() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for px in (2, 4, None):
        constant = loaded(Constant(0.1))
        policy = RecordingPolicy(constant, constant, STILL, 4, px)
        policy.reset([0, 1], EPISODES)
        policy.act(seen() | {"wrist": np.stack([image, image])})
        (sample,) = policy.take(EPISODES[0])
        side = 4 if px is None else px
        means = image.reshape(side, 4 // side, side, 4 // side, 3).mean((1, 3))
        assert sample.wrist.shape == (side, side, 3)
        assert np.abs(sample.wrist - means).max() <= (1 if px == 2 else 0)


def test_one_flipped_bit_in_a_staged_file_is_noticed(tmp_path: Path) -> None:
    policy = recording(Constant(0.1), Constant(0.2))
    policy.act(seen())
    path = stage(tmp_path, EPISODES[0], policy.take(EPISODES[0]))
    original = read_staged(path, "")
    assert original.num_rows == 1
    whole = path.read_bytes()
    found = 0
    for place in range(4, len(whole) - 8, 97):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            read = read_staged(path, "run it again")
        except OutputError:
            found += 1
        else:
            assert read.equals(original), place
    assert found
    path.unlink()
    with pytest.raises(OutputError, match="cannot read") as raised:
        read_staged(path, "run it again")
    assert raised.value.hint == "run it again"
