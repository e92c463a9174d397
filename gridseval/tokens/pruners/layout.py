"""What a pruner and the model around it tell each other; needs no torch.

Decoder layers are counted from 0. A pruner at layer k sees the hidden states that enter layer k:
layers 0 to k - 1 have run on all visual tokens, layer k and later ones run on those that are kept.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gridseval.errors import PolicyError

Parts = tuple[Literal["layers", "head"], ...]
"""What can be left out of a model besides tokens: ``"layers"`` of the decoder, or what its action
``"head"`` computes in a denoising step."""


class Role(enum.IntFlag):
    """What a token of the language model's sequence is: a set, joined by ``|``.

    Most tokens have one role. OpenVLA's last prompt token is part of the instruction and the first
    query of the action: ``Role.INSTRUCTION | Role.ACTION``.
    """

    PADDING = 0
    VISUAL = 1
    INSTRUCTION = 2
    STATE = 4
    ACTION = 8
    OTHER = 16


@dataclass(frozen=True)
class CameraGrid:
    """One camera's dense visual tokens: row-major, ``rows * columns`` of them.

    Attributes:
        camera: ``"agentview"`` or ``"wrist"``.
        rows: At least 1.
        columns: At least 1.
    """

    camera: str
    rows: int
    columns: int

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 1:
            raise PolicyError(f"a token grid of {self.rows} x {self.columns} holds no token")

    @property
    def count(self) -> int:
        """Dense tokens: rows * columns."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Place:
    """Where in the model a pruner works.

    Attributes:
        where: ``"encoder"``: on the vision encoder's features, before the projector; ``"before"``:
            on projected tokens, before decoder layer 0; ``"layer"``: on the hidden states that
            enter decoder layer ``layer``.
        layer: The decoder layer, from 0; 0 unless ``where`` is ``"layer"``.
    """

    where: Literal["encoder", "before", "layer"]
    layer: int = 0


@dataclass(frozen=True)
class Needs:
    """What a pruner must be given besides the visual tokens.

    Attributes:
        text: ``PrunerInput.text`` and ``text_roles``.
        embeddings: The tokens as they were before decoder layer 0.
        pixels: The model's input images.
        slots: Which episode each row of the batch belongs to (the pruner keeps a history).
        generators: One random generator per row.
        attention: At each of the pruner's places, the decoder layers whose attention it needs.
        every_query: Whether these maps need the queries of all tokens. Where not, a model may give
            those of the tokens after the visual ones alone, which are cheaper.
        outputs: Decoder layers before the pruner's place whose attention's output it needs.
        encoder_attention: Whether it needs the attention within the vision encoder.
        observed: Decoder layers whose attention goes to ``Pruner.observe`` when the query is over.
        entropy: Whether the observed maps need their queries' entropy over all keys.
        later: Whether the observed maps need the queries that come after the pass over the whole
            sequence: of tokens that are decoded one by one, or of an action expert.
    """

    text: bool = False
    embeddings: bool = False
    pixels: bool = False
    slots: bool = False
    generators: bool = False
    attention: tuple[tuple[int, ...], ...] = ()
    every_query: bool = True
    outputs: tuple[int, ...] = ()
    encoder_attention: bool = False
    observed: tuple[int, ...] = ()
    entropy: bool = False
    later: bool = True


@dataclass(frozen=True)
class Host:
    """The model around a pruner, from which defaults follow.

    Attributes:
        dim: Width of a projected token and of the decoder.
        layers: Decoder layers.
        cameras: In the order of the joint sequence.
        encoder_dim: Width of the vision encoder's features before the projector.
        kind: The kind of policy, such as ``"openvla-oft"``: some methods have other defaults in the
            model that their authors ported them to. Empty where it does not matter.
        head_dim: Width of a decoder head; 0 where it is not known.
        encoder_attends: Whether the attention within the vision encoder can be had.
        parts: What can be left out besides tokens.
    """

    dim: int
    layers: int
    cameras: tuple[CameraGrid, ...]
    encoder_dim: int
    kind: str = ""
    head_dim: int = 0
    encoder_attends: bool = False
    parts: Parts = ()

    @property
    def is_oft(self) -> bool:
        """Whether the model is OpenVLA-OFT, or LightVLA's, which has the same sequence."""
        return self.kind in ("openvla-oft", "lightvla")

    def scale_layer(self, layer: int, of: int = 32) -> int:
        """Return the layer at the same relative depth as ``layer`` in a decoder of ``of``."""
        return min(self.layers - 1, max(1, round(layer * self.layers / of)))


def count_dense(cameras: Sequence[CameraGrid]) -> int:
    """Return the number of dense visual tokens of all cameras."""
    return sum(camera.count for camera in cameras)
