"""Client of vla-eval's model servers (vla-eval 0.8, protocol version 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gridseval.errors import PolicyError
from gridseval.policies.cards import PolicyCard, load_card
from gridseval.policies.protocol import Observations, at_least
from gridseval.policies.remote.client import Answer, RemotePolicy, checked_actions, plain
from gridseval.policies.remote.line import Line, LineError
from gridseval.wire import vla_eval
from gridseval.wire.arrays import WireError
from gridseval.wire.traces import trace_from_wire
from gridseval.wire.vla_eval import Message

if TYPE_CHECKING:
    from gridseval.suites import Episode


class VlaEvalPolicy(RemotePolicy):
    """A model behind ``ws://host:port`` that vla-eval serves.

    The server declares in its HELLO whether it wants the wrist camera and the state. It is asked at
    every step, as vla-eval's own runner does: a server with a chunk size plays its chunk out
    itself. One without sends whole chunks; their first ``replan`` steps are executed.

    The convention of its actions is the card's.

    Args:
        checkpoint: ``ws://host:port``; vla-eval's servers listen on 8000.
        card: Policy card with the gripper's convention.
        replan: Policy steps between two queries, at least 1; with more than 1 the server must send
            whole chunks. Default: the card's.
        timeout_s: Seconds until an answer is given up.
        connect_s: Seconds until a connection is given up.

    Raises:
        PolicyError: The address is none, nobody answers there, or not vla-eval's protocol, or the
            server declares another convention.
        UsageError: There is no such card.
    """

    def __init__(
        self,
        checkpoint: str,
        card: str = "vla_eval",
        replan: int | None = None,
        timeout_s: float = 120.0,
        connect_s: float = 10.0,
    ) -> None:
        self._card: PolicyCard = load_card(card)
        self.replan = at_least(1, "replan", self._card.replan if replan is None else replan)
        self._seq = 0
        self.metadata: Mapping[str, Any] = {}
        super().__init__(checkpoint, timeout_s, connect_s)
        wanted = self.metadata.get("observation_params")
        wanted = wanted if isinstance(wanted, Mapping) else {}
        self._wrist, self._state = (bool(wanted.get(f"send_{key}")) for key in _OPTIONAL)
        _check_convention(self.metadata.get("action_spec"))
        self.observation_keys: tuple[str, ...] = ("agentview", "wrist", "state")
        if not self._wrist:
            self.observation_keys = ("agentview", "state")
        self.details = {"server": plain(self.metadata), "card": self._card.conventions()}

    def greet(self, line: Line) -> None:
        """Exchange HELLOs."""
        hello = {"harness_version": "gridseval", "protocol_version": vla_eval.PROTOCOL_VERSION}
        line.send(self._packed(vla_eval.HELLO, hello))
        reply = _unpacked(line.receive())
        if reply.type != vla_eval.HELLO:
            raise LineError(f"the server answered HELLO with {reply.type}")
        version = reply.payload.get("protocol_version")
        if version != vla_eval.PROTOCOL_VERSION:
            raise LineError(f"the server speaks version {version} of vla-eval's protocol, not 1")
        self.metadata = reply.payload

    def begin(self, line: Line, episode: Episode) -> None:
        """Send EPISODE_START, which ends what went before on this connection."""
        task = {"suite": episode.suite, "task_id": episode.task, "episode_idx": episode.trial}
        line.send(self._packed(vla_eval.EPISODE_START, {"task": task}))

    def request(self, observations: Observations, index: int) -> bytes:
        """Return one slot's observation."""
        images = {"agentview": observations["agentview"][index]}
        if self._wrist:
            images["wrist"] = observations["wrist"][index]
        payload: dict[str, Any] = {
            "images": images,
            "task_description": observations["instruction"][index],
        }
        if self._state:
            payload["states"] = np.asarray(observations["state"][index], np.float32)
        return self._packed(vla_eval.OBSERVATION, payload)

    def answer(self, frame: bytes | str) -> Answer:
        """Return an ACTION's actions."""
        reply = _unpacked(frame)
        if reply.type == vla_eval.ERROR:
            raise LineError(f"the server failed: {str(reply.payload.get('error'))[:500]}")
        if reply.type != vla_eval.ACTION:
            raise LineError(f"the server answered an observation with {reply.type}")
        given = reply.payload.get("actions", reply.payload.get("action"))
        if given is None:
            raise LineError("the server's answer has no actions")
        actions = checked_actions(given)
        try:
            return Answer(self._card.gripped(actions), trace_from_wire(reply.payload.get("traces")))
        except WireError as error:
            raise LineError(f"the server's answer: {error}") from error

    def _packed(self, kind: str, payload: Mapping[str, Any]) -> bytes:
        self._seq += 1
        return vla_eval.pack(Message(kind, payload, self._seq))


_OPTIONAL = ("wrist_image", "state")

# What vla-eval's LIBERO executes, by component of the action; a server that declares something else
# would move the arm by another convention.
_FORMATS = {
    "position": ("delta_xyz",),
    "rotation": ("axis_angle",),
    "gripper": ("binary_close_positive", "raw"),
}


def _check_convention(declared: Any) -> None:
    """Refuse actions of another convention, which would only show as failed episodes.

    Raises:
        PolicyError: The server declares one.
    """
    if not isinstance(declared, Mapping):
        return
    for component, formats in _FORMATS.items():
        spec = declared.get(component)
        given = spec.get("format") if isinstance(spec, Mapping) else None
        if given not in (None, "raw", *formats):
            raise PolicyError(
                f"the server declares {component} as {given!r}; LIBERO takes {formats[0]!r}",
                "serve the model with the LIBERO convention",
            )


def _unpacked(frame: bytes | str) -> Message:
    try:
        return vla_eval.unpack(frame)
    except WireError as error:
        raise LineError(f"the server does not speak vla-eval's protocol: {error}") from error
