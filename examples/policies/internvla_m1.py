r"""InternVLA-M1 (InternRobotics/InternVLA-M1), a client of its policy server.

Read: ``examples/LIBERO/eval_libero.py`` and ``model2libero_interface.py`` at commit b1a123f,
``deployment/model_server/server_policy_M1.py`` at cc302f0, the client's protocol and its packing
at 949223b. Its adaptive ensemble was read in StarVLA (0ed0aad), which has the file of that name.

The model runs in its own environment, the class in gridseval's, which has OpenCV::

    python deployment/model_server/server_policy_M1.py --ckpt_path RUN/checkpoints/STEPS.pt \
        --port 10093 --use_bf16

    gridseval run --suite libero_goal --policy examples/policies/internvla_m1.py:InternVlaM1 \
        --ckpt ws://127.0.0.1:10093 --policy-arg statistics=RUN

As upstream's evaluation does: agentview alone, 224 px by area averaging, 10 DDIM steps, a query at
every step; actions clipped to [−1, 1], the gripper set to 0 or 1 at 0.5, then scaled by the 1st and
99th percentiles; the mean of what the last three queries say of this step, weighted by their
likeness to the newest; the gripper opens above 0.5. Environments are seeded with 7.

The server draws its noise without a seed: two runs differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from recipe_parts import imported

from gridseval.errors import PolicyError
from gridseval.policies import ActionChunk, EnvironmentNeeds, Observations
from gridseval.policies.cards import load_card
from gridseval.policies.openvla_kind.normalisation import choose_key, read_bounds, read_statistics
from gridseval.policies.remote.client import Answer, RemotePolicy
from gridseval.policies.remote.line import Line, LineError
from gridseval.policies.remote.received import checked_actions, plain
from gridseval.wire import openpi
from gridseval.wire.arrays import WireError

if TYPE_CHECKING:
    from gridseval.suites import Episode

PX = 224
DDIM_STEPS = 10
QUERIES = 3  # in the ensemble
ALPHA = 0.1  # how much likeness weighs


class InternVlaM1(RemotePolicy):
    """InternVLA-M1 behind ``ws://host:port``: one image and the instruction in, one action out.

    Args:
        checkpoint: ``ws://host:port``; upstream's servers listen on 10093.
        statistics: The training run's folder with ``dataset_statistics.json``, which the server
            does not send.
        unnorm_key: Key of the statistics; by default the only one.
        wrist: Whether to send the wrist camera, too; upstream's evaluation does not.
        timeout_s: Seconds until an answer is given up.
        connect_s: Seconds until a connection is given up.

    Raises:
        PolicyError: The statistics cannot be read, or the server breaks the protocol.
    """

    replan = 1

    def __init__(
        self,
        checkpoint: str,
        statistics: str,
        unnorm_key: str | None = None,
        wrist: bool = False,
        timeout_s: float = 120.0,
        connect_s: float = 10.0,
    ) -> None:
        self._opencv = imported("cv2", "opencv-python")
        known = read_statistics(Path(statistics))
        key = _only_key(known) if unnorm_key is None else choose_key(known, "", unnorm_key)
        self._bounds = read_bounds(known, key, "action", 7)
        self._said: dict[int, deque[NDArray[np.float64]]] = {}
        self._metadata: dict[str, Any] = {}
        self.observation_keys = ("agentview", "wrist") if wrist else ("agentview",)
        super().__init__(checkpoint, timeout_s, connect_s)
        card = load_card("internvla_m1")
        self.needs = EnvironmentNeeds(protocol=card.protocol)
        self.details = {
            "server": plain(self._metadata),
            "card": card.conventions(),
            "statistics": plain({key: known[key]["action"]}),
        }
        self.notes = ("the server draws its noise without a seed: two runs differ",)

    def greet(self, line: Line) -> None:
        """Take the server's metadata, which it sends before it is asked."""
        self._metadata = _unpacked(line.receive())

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Forget what was said of these slots."""
        super().reset(slots, episodes)
        for slot in slots:
            self._said[slot] = deque(maxlen=QUERIES)

    def request(self, observations: Observations, index: int) -> bytes:
        """Return one slot's request."""
        frames = [observations[camera][index] for camera in self.observation_keys]
        images = [
            self._opencv.resize(frame, (PX, PX), interpolation=self._opencv.INTER_AREA)
            for frame in frames
        ]
        return openpi.pack(
            {
                "batch_images": [images],
                "instructions": [observations["instruction"][index]],
                "unnorm_key": None,
                "do_sample": False,
                "use_ddim": True,
                "num_ddim_steps": DDIM_STEPS,
            }
        )

    def answer(self, frame: bytes | str) -> Answer:
        """Return a reply's chunk, still normalised."""
        reply = _unpacked(frame)
        data = reply.get("data")
        if not isinstance(data, Mapping) or "normalized_actions" not in data:
            error = reply.get("error", reply.get("message", "no normalized_actions"))
            raise LineError(f"the server's reply: {str(error)[:500]}")
        actions = np.asarray(data["normalized_actions"])
        if actions.ndim != 3 or len(actions) != 1 or actions.shape[1] < QUERIES:
            raise LineError(
                f"the server sent actions of shape {actions.shape}, expected (1, steps, 7) with at "
                f"least {QUERIES} steps"
            )
        return Answer(checked_actions(actions[0]))

    def act(self, observations: Observations) -> ActionChunk:
        """Return each slot's next action, float32 (B, 1, 7), and which slots got none."""
        answered = super().act(observations)
        actions = np.zeros((len(answered.actions), 1, 7), np.float32)
        for index, slot in enumerate(observations["slots"]):
            if index not in answered.failures:
                said = self._said[int(slot)]
                said.append(self._scaled(answered.actions[index]))
                actions[index, 0] = _ensemble(said)
        actions[..., 6] = np.where(actions[..., 6] > 0.5, -1, 1)
        return ActionChunk(actions, failures=answered.failures)

    def _scaled(self, normalised: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return actions as LIBERO's demonstrations have them, but for the gripper in {0, 1}."""
        clipped = np.clip(normalised.astype(np.float64), -1, 1)
        clipped[:, 6] = clipped[:, 6] >= 0.5
        low, high = self._bounds.low, self._bounds.high
        return np.where(self._bounds.mask, 0.5 * (clipped + 1) * (high - low) + low, clipped)


def _ensemble(said: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of what the last queries, oldest first, say of the present step."""
    ages = range(len(said) - 1, -1, -1)
    now = np.stack([chunk[age] for age, chunk in zip(ages, said, strict=True)])
    newest = now[-1]
    lengths = np.linalg.norm(now, axis=1) * np.linalg.norm(newest)
    weights = np.exp(ALPHA * (now @ newest) / (lengths + 1e-7))
    mean: NDArray[np.float64] = weights @ now / weights.sum()
    return mean


def _only_key(statistics: Mapping[str, Any]) -> str:
    if len(statistics) > 1:
        raise PolicyError(
            f"the statistics have several keys: {', '.join(sorted(statistics))}",
            "choose one with --policy-arg unnorm_key=KEY",
        )
    return next(iter(statistics))


def _unpacked(frame: bytes | str) -> dict[str, Any]:
    if isinstance(frame, str):
        last = (frame.strip().splitlines() or ["an empty message"])[-1]
        raise LineError(f"the server failed: {last[:500]}")
    try:
        return openpi.unpack(frame)
    except WireError as error:
        raise LineError(f"the server does not speak InternVLA-M1's protocol: {error}") from error
