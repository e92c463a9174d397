"""One client of the server: from its requests to observations of one batch slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridseval.suites import MOST_PX, Episode
from gridseval.wire import openpi
from gridseval.wire.arrays import WireError
from gridseval.wire.own import CAMERAS, OBSERVED, OWN, Question, observed

_ZERO_STATES = 5


@dataclass(frozen=True)
class Asked:
    """A request that can be put into a batch.

    Attributes:
        slot: The client's batch slot.
        begins: The episode that begins with it, or ``None`` in the middle of one.
        observation: What policies see of one slot: ``steps``, ``instruction``, and what this
            policy looks at.
    """

    slot: int
    begins: Episode | None
    observation: Mapping[str, Any]


class Session:
    """Turns a client's requests into observations and notices when an episode begins.

    gridseval's client names its episodes. openpi's protocol does not: there one begins
    with the connection, with another prompt, or with a request that has ``reset: true``.

    Args:
        slot: Its batch slot.
        keys: What the policy looks at.
        replan: Policy steps that a client executes per query, as far as it is known.
    """

    def __init__(self, slot: int, keys: tuple[str, ...], replan: int | None) -> None:
        self.slot = slot
        self.episodes = 0
        self._asked = self._zero_states = 0
        self._keys, self._replan = keys, replan
        self._prompt: str | None = None
        self._steps = 0

    def ask(self, message: Mapping[str, Any]) -> Asked:
        """Return what a request asks.

        Raises:
            WireError: The request lacks something, or has it in another form.
        """
        prompt = message.get(openpi.PROMPT)
        if not isinstance(prompt, str):
            raise WireError(f"the request has no text {openpi.PROMPT!r}")
        own = Question.of(message.get(OWN))
        observation: dict[str, Any] = {"instruction": prompt}
        for key in OBSERVED:
            if key in self._keys:
                value = observed(message, key)
                observation[key] = (
                    checked_image(value, key) if key in CAMERAS else checked_state(value)
                )
        if "privileged" in self._keys:
            observation["privileged"] = _privileged(own)
        self._asked += 1
        self._zero_states += "state" in observation and not np.any(observation["state"])
        begins, steps = self._progress(message, own, prompt)
        return Asked(self.slot, begins, observation | {"steps": steps})

    def remark(self) -> str | None:
        """Return once what makes success unlikely in what the client has sent so far."""
        if self._asked == self._zero_states == _ZERO_STATES:
            return f"the state of its first {_ZERO_STATES} requests is all zeros"
        return None

    def _progress(
        self, message: Mapping[str, Any], own: Question | None, prompt: str
    ) -> tuple[Episode | None, int]:
        """Return the episode if one begins, and the steps executed in it so far."""
        if own is not None:
            begins = own.episode if own.step == 0 else None
            self.episodes += begins is not None
            return begins, own.step
        if prompt != self._prompt or message.get("reset"):
            self._prompt, self._steps = prompt, 0
            self.episodes += 1
            return Episode("client", 0, self.episodes - 1), 0
        self._steps += self._replan or 1
        return None, self._steps


def checked_image(value: Any, key: str) -> np.ndarray[Any, Any]:
    """Return a request's image, uint8 (height, width, 3).

    Raises:
        WireError: It is not such an image.
    """
    if not isinstance(value, np.ndarray) or value.ndim != 3 or value.shape[2] != 3:
        shape = getattr(value, "shape", type(value).__name__)
        raise WireError(f"image {key} has shape {shape}, expected (height, width, 3)")
    if value.dtype != np.uint8:
        raise WireError(f"image {key} is {value.dtype}, expected uint8")
    if not 1 <= min(value.shape[:2]) <= max(value.shape[:2]) <= MOST_PX:
        raise WireError(f"image {key} of {value.shape[1]} x {value.shape[0]} px is refused")
    return value


def checked_state(value: Any) -> np.ndarray[Any, Any]:
    """Return a request's state, float32 (8,).

    Raises:
        WireError: It is not eight finite numbers.
    """
    try:
        state = np.asarray(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise WireError(f"the state is not an array of 8 finite numbers: {error}") from error
    if state.shape != (8,) or state.dtype.kind not in "fiu" or not np.isfinite(state).all():
        raise WireError(f"the state has shape {state.shape}, expected 8 finite numbers")
    return state.astype(np.float32)


def _privileged(own: Question | None) -> dict[str, Any]:
    """Return object poses and goal; msgpack made lists of the goal's tuples."""
    sent = None if own is None else own.privileged
    if not isinstance(sent, Mapping) or not isinstance(sent.get("goal"), list):
        raise WireError("the policy asks for object poses, which only gridseval's client sends")
    if not all(isinstance(atom, list) for atom in sent["goal"]):
        raise WireError("the request's goal is not a list of lists")
    return {**sent, "goal": tuple(tuple(atom) for atom in sent["goal"])}
