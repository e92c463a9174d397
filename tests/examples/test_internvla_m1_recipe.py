"""examples/policies/internvla_m1.py against a server that speaks InternVLA-M1's protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe_doubles import observe, recipe
from scripted import INTERNVLA_STATISTICS, internvla_said, smooth_frame
from served import scripted_server
from websockets.sync.server import ServerConnection

from gridseval.errors import PolicyError
from gridseval.policies.protocol import EnvironmentNeeds
from gridseval.suites import Episode
from gridseval.wire import openpi

NAME = "internvla_m1:InternVlaM1"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "dataset_statistics.json").write_text(json.dumps(INTERNVLA_STATISTICS))
    return tmp_path


class Server:
    """Answers as upstream's does, and notes what it was asked."""

    def __init__(self, answer: Callable[[int], Any] | None = None) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self._answer = answer or self.right

    @staticmethod
    def right(query: int) -> Any:
        data = {"normalized_actions": internvla_said(query)[None]}
        result = {"status": "ok", "ok": True, "type": "inference_result", "request_id": "default"}
        return result | {"data": data}

    def __call__(self, connection: ServerConnection) -> None:
        connection.send(openpi.pack({"env": "simpler_env"}))
        for frame in connection:
            self.asked.append(openpi.unpack(frame))
            reply = self._answer(len(self.asked) - 1)
            connection.send(reply if isinstance(reply, str) else openpi.pack(reply))


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    double = Server()
    with scripted_server(double) as address:
        yield double, address


def begun(address: str, run: Path, **given: str) -> Any:
    policy = recipe(NAME, address, statistics=str(run), connect_s="5", **given).policy
    policy.reset([0], [Episode("libero_goal", 3, 1)])
    return policy


def expected(step: int) -> np.ndarray[Any, Any]:
    """Return the likeness-weighted mean of what the last three queries say of this step."""
    action = INTERNVLA_STATISTICS["franka"]["action"]
    low, high = (np.array(action[name][:6]) for name in ("q01", "q99"))
    words = []
    for age in range(min(step + 1, 3)):
        chunk = np.clip(internvla_said(step - age).astype(np.float64), -1, 1)[age]
        motion = low + (chunk[:6] + 1) * (high - low) / 2
        words.append([*motion, float(chunk[6] >= 0.5)])
    newest = np.array(words[0])
    likeness = [
        np.dot(word, newest) / (np.linalg.norm(word) * np.linalg.norm(newest) + 1e-7)
        for word in words
    ]
    mean = np.average(words, axis=0, weights=np.exp(0.1 * np.array(likeness)))
    return np.array([*mean[:6], -1 if mean[6] > 0.5 else 1])


def averaged(frame: np.ndarray[Any, Any], px: int) -> np.ndarray[Any, Any]:
    """Return the mean colour of the area below every pixel of a smaller image."""
    edges = np.linspace(0, len(frame), px + 1)
    low = np.maximum(edges[:-1, None], np.arange(len(frame)))
    high = np.minimum(edges[1:, None], np.arange(len(frame)) + 1)
    share = np.clip(high - low, 0, None) / (len(frame) / px)
    rows = np.tensordot(share, frame.astype(np.float64), axes=(1, 0))
    return np.tensordot(rows, share, axes=(1, 1)).swapaxes(1, 2)


def test_it_executes_the_mean_of_the_last_three_queries(
    server: tuple[Server, str], run: Path
) -> None:
    policy = begun(server[1], run)
    executed = []
    for step in range(9):
        actions = policy.act(observe(step)).actions
        assert (actions.shape, actions.dtype) == ((1, 1, 7), np.float32)
        np.testing.assert_allclose(actions[0, 0], expected(step), atol=1e-6)
        executed.append(actions[0, 0, 6])
    assert set(executed) == {-1.0, 1.0}


def test_the_server_is_asked_what_upstreams_evaluation_asks(
    server: tuple[Server, str], run: Path
) -> None:
    double, address = server
    begun(address, run).act(observe(0, number=3, task="Open THE drawer"))
    (asked,) = double.asked
    ((image,),) = asked.pop("batch_images")
    assert asked == {
        "instructions": ["Open THE drawer"],
        "unnorm_key": None,
        "do_sample": False,
        "use_ddim": True,
        "num_ddim_steps": 10,
    }
    assert (image.shape, image.dtype) == ((224, 224, 3), np.uint8)
    # OpenCV's weights for sizes without a common step are rounded to a few bits.
    assert np.abs(image - averaged(smooth_frame(3), 224)).max() <= 1.0


def test_the_wrist_camera_is_sent_only_if_asked_for(server: tuple[Server, str], run: Path) -> None:
    double, address = server
    policy = begun(address, run, wrist="true")
    policy.act(observe(0, number=3))
    ((_, wrist),) = double.asked[0]["batch_images"]
    assert np.abs(wrist - averaged(smooth_frame(3)[::-1], 224)).max() <= 1.0
    assert policy.observation_keys == ("agentview", "wrist")
    assert begun(address, run).observation_keys == ("agentview",)


def test_a_new_episode_begins_with_its_own_queries(server: tuple[Server, str], run: Path) -> None:
    double, address = server
    policy = begun(address, run)
    for step in range(3):
        policy.act(observe(step))
    policy.reset([0], [Episode("libero_goal", 3, 2)])
    del double.asked[:]
    np.testing.assert_allclose(policy.act(observe(0)).actions[0, 0], expected(0), atol=1e-6)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ({"status": "error", "ok": False, "error": {"message": "CUDA: no memory"}}, "no memory"),
        ({"status": "ok", "data": {"raw_action": np.zeros(7)}}, "no normalized_actions"),
        ({"data": {"normalized_actions": np.zeros((1, 8, 6))}}, r"shape \(8, 6\)"),
        ({"data": {"normalized_actions": np.zeros((1, 2, 7))}}, "at least 3 steps"),
        ({"data": {"normalized_actions": np.full((1, 8, 7), np.nan)}}, "sent nan"),
        ("Traceback\nKeyError: 'images'", "KeyError: 'images'"),
    ],
)
def test_a_wrong_answer_costs_its_episode_an_attempt(reply: Any, message: str, run: Path) -> None:
    import re

    with scripted_server(Server(lambda _: reply)) as address:
        chunk = begun(address, run).act(observe(0))
    assert re.search(message, chunk.failures[0])


def test_statistics_are_needed_and_their_key_is_never_guessed(
    server: tuple[Server, str], run: Path, tmp_path: Path
) -> None:
    with pytest.raises(PolicyError, match="needs 'statistics'"):
        recipe(NAME, server[1])
    (run / "dataset_statistics.json").write_text(json.dumps({**INTERNVLA_STATISTICS, "oxe": {}}))
    with pytest.raises(PolicyError, match="several keys: franka, oxe") as caught:
        begun(server[1], run)
    assert "unnorm_key=KEY" in (caught.value.hint or "")
    policy = recipe(NAME, server[1], statistics=str(run), unnorm_key="franka", connect_s="5")
    assert list(policy.description["statistics"]) == ["franka"]


def test_environments_are_seeded_with_7_and_noise_is_not(
    server: tuple[Server, str], run: Path
) -> None:
    loaded = recipe(NAME, server[1], statistics=str(run), connect_s="5")
    assert loaded.needs == EnvironmentNeeds(protocol="openpi")
    assert loaded.replan == 1
    assert loaded.description["server"] == {"env": "simpler_env"}
    assert any("without a seed" in note for note in loaded.notes)
