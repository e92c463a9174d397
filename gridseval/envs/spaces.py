"""What an environment observes and takes: names, sizes, spaces."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from gridseval.envs.arguments import at_least
from gridseval.envs.instruction_space import InstructionSpace
from gridseval.errors import UsageError, did_you_mean
from gridseval.suites import MOST_PX

CAMERAS = {"agentview": "agentview", "wrist": "robot0_eye_in_hand"}
"""Our names of the cameras, and LIBERO's."""

OBSERVATION_KEYS = (*CAMERAS, "state")
"""The observation keys used by default."""

ALL_OBSERVATION_KEYS = (*OBSERVATION_KEYS, "controller_state")
ACTIONS = ("delta", "absolute")
IMAGE_PX = 256
_LATIN_LETTERS = "".join(map(chr, (*range(0xC0, 0xD7), *range(0xD8, 0xF7), *range(0xF8, 0x100))))
_CHARSET = string.ascii_letters + string.digits + string.punctuation + " " + _LATIN_LETTERS
_LONGEST_INSTRUCTION = 512  # the longest of LIBERO-Plus has 331 characters


def observation_space(observations: Sequence[str], image_px: int = IMAGE_PX) -> spaces.Dict:
    """Return the space of one environment that observes these keys, with images of this side.

    Raises:
        UsageError: A key is not one of :data:`ALL_OBSERVATION_KEYS`.
    """
    keys = checked_keys(observations)
    image = spaces.Box(0, 255, (image_px, image_px, 3), np.uint8)
    bound = np.array([2, 2, 3, *[2 * np.pi] * 3, 1, 1], dtype=np.float32)
    state = spaces.Box(-bound, bound, dtype=np.float32)
    parts: dict[str, spaces.Space[Any]] = {k: image if k in CAMERAS else state for k in keys}
    parts["instruction"] = InstructionSpace(_LONGEST_INSTRUCTION, charset=_CHARSET)
    return spaces.Dict(parts)


def action_space(action_chunk: int | None, actions: str = "delta") -> spaces.Box:
    """Return the space of single actions, or of chunks of ``action_chunk`` actions.

    Absolute goals have no bounds in robosuite; only the gripper's command has.

    Raises:
        UsageError: The chunk is shorter than one action, or not a whole number.
    """
    chunk = () if action_chunk is None else (at_least(1, "action_chunk", action_chunk),)
    high = np.ones((*chunk, 7), np.float32)
    if actions == "absolute":
        high[..., :6] = np.inf
    return spaces.Box(-high, high, dtype=np.float32)


def checked_px(image_px: Any) -> int:
    """Return the side of images, if it is within 1 and :data:`~gridseval.suites.MOST_PX`.

    Raises:
        UsageError: It is out of range, or not a whole number.
    """
    if at_least(1, "image_px", image_px) > MOST_PX:
        raise UsageError(f"image_px must be at most {MOST_PX}, not {image_px}")
    return int(image_px)


def checked_keys(observations: Sequence[str]) -> tuple[str, ...]:
    """Return the keys in their usual order.

    Raises:
        UsageError: A key is not one of :data:`ALL_OBSERVATION_KEYS`, or they are not a sequence.
    """
    if isinstance(observations, str) or not isinstance(observations, Iterable):
        hint = "for example: observations=('state',)"
        raise UsageError(f"observations must be a sequence of keys, not {observations!r}", hint)
    observations = tuple(observations)
    for key in observations:
        if key not in ALL_OBSERVATION_KEYS:
            hint = did_you_mean(str(key), ALL_OBSERVATION_KEYS)
            raise UsageError(f"no observation is called {key!r}", hint)
    return tuple(key for key in ALL_OBSERVATION_KEYS if key in observations)
