"""Client of openpi's policy servers, and of gridseval's own, which speak the same protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gridseval.config import build
from gridseval.errors import PolicyError, UsageError
from gridseval.policies.cost import Flops, card_flops
from gridseval.policies.needs import checked_needs
from gridseval.policies.protocol import ActionChunk, EnvironmentNeeds, Observations
from gridseval.policies.remote.client import (
    Answer,
    RemotePolicy,
    card_for,
)
from gridseval.policies.remote.line import Line, LineError
from gridseval.policies.remote.received import checked_actions, plain
from gridseval.tokens import ImageMapping, TokenTrace
from gridseval.wire import openpi
from gridseval.wire.arrays import WireError
from gridseval.wire.own import CLIENT, OWN, ServedPolicy, question, skipped_in
from gridseval.wire.traces import trace_from_wire


class OpenpiPolicy(RemotePolicy):
    """A policy behind ``ws://host:port`` that speaks openpi's protocol (openpi-client 0.1).

    A server that says in its metadata that it is gridseval's gets observations as they are, and
    says itself what it looks at and what environments it needs. Any other gets what openpi's LIBERO
    example sends, by a card.

    Args:
        checkpoint: ``ws://host:port``; openpi's servers listen on 8000.
        card: Policy card with image size, gripper and replan.
        timeout_s: Seconds until an answer is given up; a first inference may compile for minutes.
        connect_s: Seconds until a connection is given up.

    Raises:
        PolicyError: It is not an address, no server answers there, or it is not openpi's.
        UsageError: There is no such card.
    """

    headers: ClassVar[Mapping[str, str]] = {CLIENT: "openpi"}

    def __init__(
        self, checkpoint: str, card: str = "pi05", timeout_s: float = 120.0, connect_s: float = 10.0
    ) -> None:
        self._card = card_for("openpi", card)
        self._served: ServedPolicy | None = None
        self._greeted = False
        self.metadata: Mapping[str, Any] = {}
        super().__init__(checkpoint, timeout_s, connect_s)
        self.observation_keys: tuple[str, ...] = (*self._card.cameras, "state")
        self.replan: int | None = self._card.replan
        self.image_mapping: ImageMapping = self._card.image.mapping()
        self.flops: Flops | None = card_flops(self._card)
        self._costs: dict[int, float] = {}
        self.needs = EnvironmentNeeds(protocol=self._card.protocol)
        self.details: Mapping[str, Any] = {"server": plain(self.metadata)}
        if self._served is not None:
            self.needs = _needs_of(self._served)
            self.observation_keys = self._served.observation_keys
            self.replan = self._served.replan
            self.image_mapping = self._served.mapping
            self.flops = self._told if self._served.flops else None
        elif "agentview" not in self._card.cameras:
            raise PolicyError(
                f"card {card!r} has no agentview image, which openpi's requests begin with",
                "choose another card",
            )
        else:
            self.details = {**self.details, "card": self._card.conventions()}

    def greet(self, line: Line) -> None:
        """Take the server's metadata, which it sends before it is asked."""
        self.metadata = _unpacked(line.receive())
        try:
            served = ServedPolicy.of(self.metadata.get(OWN))
        except WireError as error:
            raise LineError(f"the server's metadata: {error}") from error
        if self._greeted and served != self._served:
            raise LineError("the server serves another policy than when the run began")
        self._served, self._greeted = served, True

    def request(self, observations: Observations, index: int) -> bytes:
        """Return one slot's request."""
        if self._served is not None:
            slot = int(observations["slots"][index])
            return openpi.pack(question(observations, index, self._episodes[slot]))
        message: dict[str, Any] = {
            openpi.IMAGE: self._image(observations, "agentview", index),
            openpi.STATE: np.asarray(observations["state"][index], np.float64),
            openpi.PROMPT: observations["instruction"][index],
        }
        if "wrist" in self._card.cameras:
            message[openpi.WRIST_IMAGE] = self._image(observations, "wrist", index)
        return openpi.pack(message)

    def answer(self, frame: bytes | str) -> Answer:
        """Return what a reply says; a text frame is the server's traceback."""
        reply = _unpacked(frame)
        if "actions" not in reply:
            raise LineError(f"the server's reply has no actions, only {', '.join(map(str, reply))}")
        actions = checked_actions(reply["actions"])
        try:
            trace, skipped = trace_from_wire(reply.get("traces")), skipped_in(reply)
        except WireError as error:
            raise LineError(f"the server's reply: {error}") from error
        if self._served is None:
            return Answer(self._card.gripped(actions), trace, skipped)
        if trace is not None and self._served.flops:
            self._costs[id(trace)] = _checked_cost(reply.get("flops"))
        return Answer(actions, trace, skipped)

    def act(self, observations: Observations) -> ActionChunk:
        """Return the server's actions, and which slots got none."""
        self._costs.clear()
        return super().act(observations)

    def _told(self, trace: TokenTrace) -> float:
        """Return what the server said that a query of the last call cost."""
        return self._costs[id(trace)]

    def _image(self, observations: Observations, camera: str, index: int) -> Any:
        return self._card.image.apply(observations[camera][index : index + 1])[0]


def _needs_of(served: ServedPolicy) -> EnvironmentNeeds:
    """Return what a served policy needs.

    Raises:
        PolicyError: The server declares something unknown.
    """
    hint = "update gridseval here, or there"
    try:
        needs = build(EnvironmentNeeds, served.needs, "the server's needs")
    except UsageError as error:
        raise PolicyError(error.message, hint) from error
    return checked_needs(needs, f"the server of policy {served.policy[:60]!r}", hint)


def _checked_cost(value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise LineError(f"the server's reply: flops are {str(value)[:40]}, expected a number")
    return float(value)


def _unpacked(frame: bytes | str) -> dict[str, Any]:
    if isinstance(frame, str):
        # A traceback: its last line says what happened.
        lines = frame.strip().splitlines() or ["an empty message"]
        raise LineError(f"the server failed: {lines[-1][:500]}")
    try:
        return openpi.unpack(frame)
    except WireError as error:
        raise LineError(f"the server does not speak openpi's protocol: {error}") from error
