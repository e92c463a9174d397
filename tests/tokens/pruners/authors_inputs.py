"""Sequences for the comparison with the authors' own functions: made from seeds, so not stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gridseval.tokens.pruners import CameraGrid, Role


@dataclass(frozen=True)
class Layout:
    """BOS, visual tokens, state, prompt, action slots, stop token.

    Attributes:
        cameras: Grids.
        state: State tokens.
        prompt: Tokens of the prompt.
        actions: Action slots; 0 where actions are generated one by one.
        stop: Stop tokens after the slots.
    """

    cameras: tuple[CameraGrid, ...]
    state: int
    prompt: int
    actions: int
    stop: int

    @property
    def visual(self) -> slice:
        """The visual tokens in the sequence."""
        return slice(1, 1 + sum(camera.count for camera in self.cameras))

    @property
    def length(self) -> int:
        """All tokens."""
        return self.visual.stop + self.state + self.prompt + self.actions + self.stop

    @property
    def roles(self) -> Tensor:
        """int64 (1, length)."""
        roles = [Role.OTHER, *[Role.VISUAL] * (self.visual.stop - 1), *[Role.STATE] * self.state]
        roles += [Role.INSTRUCTION] * self.prompt
        if not self.actions:  # the last prompt token generates the first action token
            roles[-1] |= Role.ACTION
        roles += [Role.ACTION] * self.actions + [Role.OTHER] * self.stop
        return torch.tensor([roles])

    @property
    def action_slots(self) -> slice:
        """The action slots in the sequence."""
        return slice(self.length - self.stop - self.actions, self.length - self.stop)


OFT = Layout(
    (CameraGrid("agentview", 6, 6), CameraGrid("wrist", 6, 6)), state=1, prompt=7, actions=6, stop=1
)
OPENVLA = Layout((CameraGrid("agentview", 16, 16),), state=0, prompt=9, actions=0, stop=0)
WIDTH, HEADS, QUERIES, DECODED = 24, 2, 6, 6
"""Of a token, of an attention map, of an episode, of an answer of OpenVLA after its first token."""


def embeddings(seed: int, layout: Layout) -> Tensor:
    """Return float32 (1, length, WIDTH): what enters decoder layer 0."""
    rng = np.random.default_rng((seed, 1))
    return torch.tensor(rng.normal(size=(1, layout.length, WIDTH))).float()


def weights(seed: int, layer: int, queries: int, keys: int) -> Tensor:
    """Return float32 (1, HEADS, queries, keys), each row sums to 1."""
    rng = np.random.default_rng((seed, 2, layer))
    drawn = torch.tensor(rng.normal(0, 1.5, size=(1, HEADS, queries, keys))).float()
    return drawn.softmax(-1)
