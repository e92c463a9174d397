"""The one interface of all pruners: what goes in, what comes out, and how a model calls them.

A model calls a pruner at each of its ``places`` in turn, hands attention that only exists later to
``observe`` when the query is over, and says with ``reset`` which slots start new episodes. Shapes:
B rows, P visual tokens of all cameras, T other tokens, D width, K kept tokens.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.attention_map import AttentionMap as AttentionMap
from gridseval.tokens.pruners.checks import check_inputs
from gridseval.tokens.pruners.depth import DepthMemory
from gridseval.tokens.pruners.entries import EntryMemory
from gridseval.tokens.pruners.entries import Reuse as Reuse
from gridseval.tokens.pruners.layout import CameraGrid, Host, Needs, Place, count_dense
from gridseval.tokens.pruners.products import Choice
from gridseval.tokens.skipping import Skipping
from gridseval.tokens.token_trace import CameraTrace, TokenTrace


@dataclass(frozen=True, eq=False)
class PrunerInput:
    """One query's tokens, of a batch of slots.

    Attributes:
        tokens: float (B, P, D): visual tokens at the pruner's place, camera after camera, each
            row-major. At a second place: what the first one kept, padded.
        cameras: Their grids; P is the sum of rows * columns (at the first place).
        text: float (B, T, D): all tokens after the visual ones (instruction, state, action slots),
            padded, at the same place as ``tokens``.
        text_roles: int64 (B, T), a set of :class:`Role` each; ``Role.PADDING``, the empty set, is
            left out everywhere.
        attention: Decoder layer to its attention, for the layers in ``Needs.attention``.
        outputs: Decoder layer to what its attention adds to the visual tokens, float (B, P, D), for
            the layers in ``Needs.outputs``.
        encoder_attention: float32 (B, P): the mean attention onto each visual token within the
            vision encoder, 1 in sum per camera; where ``Needs.encoder_attention`` asks for it.
        pixels: float (B, cameras, height, width, 3): the model's input images, in any range.
        slots: B numbers: whose history a row has.
        generators: B random generators; ``None`` is torch's own.
        embedded: ``tokens`` and ``text`` as they were before decoder layer 0; the first are all
            dense tokens, (B, dense P, D), at every place.
        earlier: What the place before this one returned; ``None`` at the first.
    """

    tokens: Tensor
    cameras: tuple[CameraGrid, ...]
    text: Tensor | None = None
    text_roles: Tensor | None = None
    attention: Mapping[int, AttentionMap] = field(default_factory=dict)
    outputs: Mapping[int, Tensor] = field(default_factory=dict)
    encoder_attention: Tensor | None = None
    pixels: Tensor | None = None
    slots: Sequence[int] | None = None
    generators: Sequence[torch.Generator] | None = None
    embedded: tuple[Tensor, Tensor] | None = None
    earlier: Pruned | None = None

    @property
    def dense_count(self) -> int:
        """Visual tokens before any pruning."""
        return count_dense(self.cameras)

    @property
    def stage(self) -> int:
        """Which of the pruner's places this is, from 0."""
        return 0 if self.earlier is None else self.earlier.stage + 1


@dataclass(frozen=True, eq=False)
class Pruned:
    """The visual tokens that go on.

    Attributes:
        tokens: float (B, K, D), in the input's dtype; rows with fewer than K end in zeros.
        position_ids: int64 (B, K): places among the visual tokens' positions, 0 to P - 1; the model
            adds its own offset. 0 where ``mask`` is false. Tokens after the visual ones go on at
            :attr:`span`.
        mask: bool (B, K): false where a row has no token.
        indices: int64 (B, K): the dense token that a token is (or is the centre of), -1 for sampled
            tokens and padding.
        cameras: Grids of the dense tokens.
        points: float32 (B, cameras, k, 2): sampled places, x then y, in [0, 1] of the model's input
            image from edge to edge; ``None`` for methods that keep tokens.
        scores: float (B, P) or ``None``: what ranked the dense tokens, for drawing.
        reuse: Which of these tokens leave the layers because their entries are used again.
        stage: Which of the pruner's places left these tokens, from 0.
        renumbered: Whether positions are given anew, 0 to K - 1; all rows have K tokens then.
    """

    tokens: Tensor
    position_ids: Tensor
    mask: Tensor
    indices: Tensor
    cameras: tuple[CameraGrid, ...]
    points: Tensor | None = None
    scores: Tensor | None = None
    reuse: Reuse | None = None
    stage: int = 0
    renumbered: bool = False

    @property
    def span(self) -> int:
        """Positions that the visual tokens take: all dense ones, or K of tokens made anew."""
        anew = self.renumbered or self.points is not None
        return self.mask.shape[1] if anew else count_dense(self.cameras)

    @property
    def counts(self) -> Tensor:
        """Tokens kept of each row, int64 (B,)."""
        return self.mask.sum(1)

    @property
    def kept(self) -> Tensor:
        """Which dense tokens are kept, bool (B, P); all false for sampled tokens."""
        dense = torch.zeros(len(self.mask), count_dense(self.cameras) + 1, dtype=torch.bool)
        dense = dense.to(self.mask.device)
        # Padding and sampled tokens (-1) are written to one column too many.
        columns = torch.where(self.indices < 0, dense.shape[1] - 1, self.indices)
        return dense.scatter(1, columns, True)[:, :-1]

    @cached_property
    def traces(self) -> tuple[TokenTrace, ...]:
        """One trace per row; made on first access, since it copies to the host's memory."""
        kept = self.kept.cpu().numpy()
        scores = None if self.scores is None else self.scores.detach().float().cpu().numpy()
        points = None if self.points is None else self.points.detach().float().cpu().numpy()
        ends = np.cumsum([camera.count for camera in self.cameras])
        traces = []
        for row in range(len(kept)):
            cameras = []
            for number, (camera, end) in enumerate(zip(self.cameras, ends, strict=True)):
                part = slice(end - camera.count, end)
                cameras.append(
                    CameraTrace(
                        camera=camera.camera,
                        grid=(camera.rows, camera.columns),
                        kept=kept[row, part].copy() if points is None else None,
                        points=None if points is None else points[row, number].copy(),
                        weights=None if scores is None else scores[row, part].copy(),
                    )
                )
            traces.append(TokenTrace(tuple(cameras)))
        return tuple(traces)


class Pruner(nn.Module, abc.ABC):
    """A method that chooses, or samples, the visual tokens that go on.

    Subclasses set ``name``, ``places`` and ``needs`` and define ``prune`` and ``macs``. A class
    that defines ``prune`` or ``score`` does not inherit its base's ``macs``: it chooses in another
    way, and counts what that costs.

    Attributes:
        places: Where it works, in order; at most one is not ``"layer"``, and then the only one.
        needs: The inputs that it needs.
        entries: The key-value entries of earlier queries, of a method that reuses them: the model
            fills it in, and reads what :attr:`Pruned.reuse` names.
        skipping: What decides which queries need no model; ``None``: all need it.
        layer_drop: Which decoder layers are left out, of a method that leaves out any.
        head_interval: The denoising steps from one in which the action head computes its attention
            and MLPs to the next; those between take what they made last. 1: all compute.
    """

    name: ClassVar[str]
    places: tuple[Place, ...] = (Place("before"),)
    needs: Needs = Needs()
    entries: EntryMemory | None = None
    skipping: Skipping | None = None
    layer_drop: DepthMemory | None = None
    head_interval: int = 1

    def __init_subclass__(cls, **given: object) -> None:
        """Make ``macs`` abstract again where a class chooses in another way than its base."""
        super().__init_subclass__(**given)
        own = vars(cls)
        if "macs" not in own and not own.keys().isdisjoint(("prune", "score")):
            cls.macs = vars(Pruner)["macs"]  # type: ignore[method-assign]

    @property
    def place(self) -> Place:
        """The first place it works at; the only one of most methods."""
        return self.places[0]

    @classmethod
    def defaults(cls, host: Host) -> dict[str, object]:  # noqa: ARG003 - most need none
        """Return constructor arguments that follow from the model around it."""
        return {}

    def check_host(self, host: Host) -> None:
        """Refuse a model without the layers or tokens that the pruner works on.

        Raises:
            PolicyError: With the thing that is missing.
        """
        if self.place.where == "encoder" and host.encoder_dim < 1:
            raise PolicyError(
                f"pruner {self.name!r} works on the vision encoder's features, and this model "
                "gives none",
                "let it work at a decoder layer, where it can: layer=1",
            )
        self._check_parts(host)
        wanted = [place.layer for place in self.places if place.where == "layer"]
        wanted += [*self.needs.observed, *(at for layers in self.needs.attention for at in layers)]
        if wanted and max(wanted) >= host.layers:
            raise PolicyError(
                f"pruner {self.name!r} needs decoder layer {max(wanted)}, the model has "
                f"{host.layers} (0 to {host.layers - 1})",
                "give it other layers",
            )

    def _check_parts(self, host: Host) -> None:
        if self.layer_drop is not None and "layers" not in host.parts:
            raise PolicyError(
                f"pruner {self.name!r} leaves out decoder layers, and this model needs all of them",
                "leave drop_layers out; it works in OpenVLA's family",
            )
        if self.head_interval > 1 and "head" not in host.parts:
            raise PolicyError(
                f"pruner {self.name!r} saves denoising steps, and this model has none that it can",
                "leave head_interval out; it works in LeRobot's π0 and π0.5",
            )
        if (
            self.layer_drop is not None
            and self.layer_drop.first + self.layer_drop.count > host.layers
        ):
            raise PolicyError(
                f"pruner {self.name!r} cannot leave out {self.layer_drop.count} of the "
                f"{host.layers - self.layer_drop.first} layers from {self.layer_drop.first} on",
                "give it fewer",
            )

    def forward(self, inputs: PrunerInput) -> Pruned:
        """Return the tokens that go on.

        Raises:
            PolicyError: The token count does not match the grids, or something in ``needs`` is
                missing or has another shape.
        """
        check_inputs(self, inputs)
        return self.prune(inputs)

    @abc.abstractmethod
    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return the tokens that go on, of inputs that have been checked."""

    @staticmethod
    @abc.abstractmethod
    def macs(choice: Choice) -> int:
        """Return the MACs of one query's choice of tokens.

        A method that multiplies no matrices says so with
        :func:`~gridseval.tokens.pruners.products.none`.

        Args:
            choice: The sizes.
        """

    def observe(
        self, inputs: PrunerInput, pruned: Pruned, attention: Mapping[int, AttentionMap]
    ) -> None:
        """Take what the query's later layers looked at; most methods don't need it.

        Args:
            inputs: What the (last) call was given.
            pruned: What it returned.
            attention: Of the layers in ``needs.observed``, onto ``pruned.tokens``: (B, heads, Q,
                K), K columns with padding.
        """

    def reset(self, slots: Sequence[int]) -> None:
        """Forget the history of slots that start new episodes."""

    def set_progress(self, share: float) -> None:
        """Learn which share of a training is done, in [0, 1]; most methods don't need it."""
