"""Client of vla-eval's model servers (vla-eval 0.8, protocol version 1)."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridseval.errors import PolicyError
from gridseval.policies.protocol import EnvironmentNeeds, Observations, at_least
from gridseval.policies.remote.client import (
    Answer,
    RemotePolicy,
    card_for,
)
from gridseval.policies.remote.declared import (
    Observed,
    Parameters,
    check_ignored,
    read_observations,
    read_parameters,
    read_spec,
)
from gridseval.policies.remote.executed import read_actions
from gridseval.policies.remote.line import Line, LineError
from gridseval.policies.remote.received import checked_actions, plain
from gridseval.policies.rotations import shortest
from gridseval.tokens import ImageMapping
from gridseval.wire import vla_eval
from gridseval.wire.arrays import WireError
from gridseval.wire.own import skipped_in
from gridseval.wire.traces import trace_from_wire
from gridseval.wire.vla_eval import Message

if TYPE_CHECKING:
    from gridseval.suites import Episode

_DECLARED = ("observation_params", "observation_spec", "action_spec")


class VlaEvalPolicy(RemotePolicy):
    """A model behind ``ws://host:port`` that vla-eval serves.

    The server declares in its HELLO what it wants to see and what its actions mean; see
    :mod:`gridseval.policies.remote.declared`. It is asked at every step, as vla-eval's own runner
    does: a server with a chunk size plays its chunk out itself. One without sends whole chunks;
    their first ``replan`` steps are executed.

    Args:
        checkpoint: ``ws://host:port``; vla-eval's servers listen on 8000.
        card: Policy card with the gripper's convention and the state's.
        replan: Policy steps between two queries, at least 1; with more than 1 the server must send
            whole chunks. Default: the card's.
        timeout_s: Seconds until an answer is given up.
        connect_s: Seconds until a connection is given up.
        rotation: How to read 3–5 of an action, instead of what is declared: ``"as-is"``
            (``"axis_angle"`` is the same), or ``"euler_xyz"`` to convert them.
        gripper: How to read 6, in the same way; see :func:`gridseval.policies.cards.gripped`.
        ignore: Declared names that are left alone, with commas between.
        parameters: vla-eval's own parameters of LIBERO (``send_state``, ``absolute_action``,
            ``env_seed``, …), which replace the server's.

    Raises:
        PolicyError: It is not an address, no server of vla-eval's protocol answers there, or the
            server declares what LIBERO does not have.
        UsageError: There is no such card.
    """

    def __init__(
        self,
        checkpoint: str,
        card: str = "vla_eval",
        replan: int | None = None,
        timeout_s: float = 120.0,
        connect_s: float = 10.0,
        rotation: str | None = None,
        gripper: str | None = None,
        ignore: str = "",
        **parameters: Any,
    ) -> None:
        self._card = card_for("vla-eval", card)
        self.replan = at_least(1, "replan", self._card.replan if replan is None else replan)
        self._seq = 0
        self._playing: weakref.WeakSet[Line] = weakref.WeakSet()
        self.metadata: Mapping[str, Any] = {}
        super().__init__(checkpoint, timeout_s, connect_s)
        ignored = {name.strip() for name in ignore.split(",")} - {""}
        check_ignored(ignored, (name for part in _DECLARED for name in self._declared(part)))
        wanted = read_parameters(self.metadata.get("observation_params"), parameters, ignored)
        spec = read_spec(self.metadata.get("observation_spec"), "observation_spec", ignored)
        actions = read_spec(self.metadata.get("action_spec"), "action_spec", ignored)
        self._execution = read_actions(
            actions, wanted.absolute, self._card.gripper, rotation, gripper
        )
        observed = read_observations(spec)
        self._see(wanted, observed)
        self._suite = wanted.suite
        self._antipodal = self._card.state != "axis_angle"  # vla-eval's own default
        if wanted.no_antipodal is not None:
            self._antipodal = not wanted.no_antipodal
        self.image_mapping: ImageMapping = self._card.image.mapping()
        self.needs = EnvironmentNeeds(
            protocol=self._card.protocol,
            env_seed=wanted.env_seed,
            actions="absolute" if wanted.absolute else "delta",
        )
        self.notes = (*wanted.notes, *_unasked(wanted, observed), *self._execution.notes)
        self.details = {
            "server": plain(self.metadata),
            "card": self._card.conventions(),
            "read_as": self._read_as(ignored),
        }

    def _see(self, wanted: Parameters, observed: Observed) -> None:
        """Settle what is sent: what a parameter says, else what a specification names."""
        self._wrist = observed.wrist if wanted.wrist is None else wanted.wrist
        self._state = observed.state if wanted.state is None else wanted.state
        seen = {"agentview": True, "wrist": self._wrist}
        seen |= dict.fromkeys(("state", "controller_state"), self._state)
        self.observation_keys: tuple[str, ...] = tuple(key for key, sent in seen.items() if sent)

    def _read_as(self, ignored: set[str]) -> dict[str, Any]:
        """Return for ``run.yaml`` what was made of the declaration."""
        return {
            "actions": self.needs.actions,
            "rotation": "euler_xyz" if self._execution.euler else "as-is",
            "gripper": self._execution.gripper,
            "state": ("axis_angle_antipodal" if self._antipodal else "axis_angle")
            if self._state
            else "none",
            "env_seed": self.needs.env_seed,
            "ignored": sorted(ignored),
        }

    def greet(self, line: Line) -> None:
        """Exchange HELLOs."""
        self._playing.discard(line)
        hello = {"harness_version": "gridseval", "protocol_version": vla_eval.PROTOCOL_VERSION}
        line.send(self._packed(vla_eval.HELLO, hello))
        reply = _unpacked(line.receive())
        if reply.type != vla_eval.HELLO:
            raise LineError(f"the server answered HELLO with {reply.type}")
        version = reply.payload.get("protocol_version")
        if version != vla_eval.PROTOCOL_VERSION:
            raise LineError(f"the server speaks version {version} of vla-eval's protocol, not 1")
        before, self.metadata = self.metadata, reply.payload
        then, now = plain(before), plain(reply.payload)
        changed = [key for key in _DECLARED if before and then.get(key) != now.get(key)]
        if changed:
            self.metadata = before
            raise LineError(f"the server has changed its {changed[0]} since the run began")

    def _declared(self, part: str) -> Mapping[str, Any]:
        declared = self.metadata.get(part)
        return declared if isinstance(declared, Mapping) else {}

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Note the episodes; the server learns of each with its first observation.

        Raises:
            PolicyError: The server declares that it is for another suite.
        """
        for episode in episodes:
            suite = vla_eval.suite_name(episode.suite)
            if self._suite not in (None, suite):
                raise PolicyError(
                    f"the server declares suite={self._suite!r}, but this run is of {suite!r}",
                    "serve the model for it, or --policy-arg ignore=suite",
                )
        super().reset(slots, episodes)

    def begin(self, line: Line, episode: Episode, instruction: str) -> None:
        """Send EPISODE_START, and before it the end of what went on in this connection.

        How an episode ended is nothing that a policy learns, so the metrics stay empty.
        """
        if line in self._playing:
            line.send(self._packed(vla_eval.EPISODE_END, {"metrics": {}}))
        self._playing.add(line)
        task = {
            "name": instruction,
            "suite": vla_eval.suite_name(episode.suite),
            "task_id": episode.task,
            "episode_idx": episode.trial,
        }
        line.send(self._packed(vla_eval.EPISODE_START, {"task": task}))

    def request(self, observations: Observations, index: int) -> bytes:
        """Return one slot's observation."""
        images = {"agentview": self._image(observations, "agentview", index)}
        if self._wrist:
            images["wrist"] = self._image(observations, "wrist", index)
        payload: dict[str, Any] = {
            "images": images,
            "task_description": observations["instruction"][index],
        }
        if self._state:
            payload["states"] = self._proprioception(observations["state"][index])
            if "controller_state" in observations:
                payload["controller_states"] = observations["controller_state"][index]
        return self._packed(vla_eval.OBSERVATION, payload)

    def _image(self, observations: Observations, camera: str, index: int) -> Any:
        return self._card.image.apply(observations[camera][index : index + 1])[0]

    def _proprioception(self, state: Any) -> NDArray[np.float32]:
        sent = np.array(state, np.float32)
        if self._antipodal:
            sent[3:6] = shortest(sent[3:6])
        return sent

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
        actions = self._execution.actions(checked_actions(given))
        try:
            trace = trace_from_wire(reply.payload.get("traces"))
            return Answer(actions, trace, skipped_in(reply.payload))
        except WireError as error:
            raise LineError(f"the server's answer: {error}") from error

    def _packed(self, kind: str, payload: Mapping[str, Any]) -> bytes:
        self._seq += 1
        return vla_eval.pack(Message(kind, payload, self._seq))


def _unasked(wanted: Parameters, observed: Observed) -> tuple[str, ...]:
    """Return a note where a server names a state and does not ask for it, as StarVLA's does."""
    if not observed.raw_state or wanted.state is not None:
        return ()
    return (
        "the server's specification names a state, but nothing asks for it: none is sent, as in "
        "vla-eval (--policy-arg send_state=true sends it)",
    )


def _unpacked(frame: bytes | str) -> Message:
    try:
        return vla_eval.unpack(frame)
    except WireError as error:
        raise LineError(f"the server does not speak vla-eval's protocol: {error}") from error
