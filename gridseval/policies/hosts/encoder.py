"""A pruner at what enters the model's projector.

OpenVLA's code projects the features of all cameras at once, LeRobot's those of one image at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.hosts.encoder_attention import EncoderAttention
from gridseval.policies.hosts.query import Query
from gridseval.policies.hosts.segment import spread
from gridseval.tokens.pruners.interface import Pruned, Pruner
from gridseval.tokens.pruners.layout import CameraGrid


def check_at_encoder(pruner: Pruner) -> None:
    """Refuse a pruner that works where what it needs is not known yet.

    Raises:
        PolicyError: It works on the encoder's features, and needs text or attention.
    """
    needs = pruner.needs
    if pruner.place.where == "encoder" and (needs.text or needs.attention):
        raise PolicyError(
            f"pruner {pruner.name!r} works on the vision encoder's features, where no text is"
        )


class EncoderPlace:
    """Hooks on a projector: a pruner works on what enters it.

    Args:
        projector: From the vision encoder's features to tokens.
        cameras: Grids of the visual tokens.
        query: Returns the query under way.
        attention: Of the vision encoder, for pruners that need it.

    Attributes:
        handles: Of the hooks, for taking them out.
    """

    def __init__(
        self,
        projector: Any,
        cameras: tuple[CameraGrid, ...],
        query: Callable[[], Query],
        attention: EncoderAttention | None = None,
    ) -> None:
        self._cameras, self._query, self._attention = cameras, query, attention
        self.handles: list[Any] = [
            projector.register_forward_pre_hook(self._enter),
            projector.register_forward_hook(self._leave),
            *([] if attention is None else attention.handles),
        ]

    def _enter(self, _: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        query = self._query()
        if self._attention is not None:
            query.encoder_attention = self._attention.take(self._cameras)
        pruned = query.prune(given[0], None, None)
        return (pruned.tokens, *given[1:])

    def _leave(self, _: Any, __: Any, projected: Tensor) -> Tensor:
        """Put the tokens that are kept at their places, zeros elsewhere.

        The model's code counts its visual tokens; the decoder's first layer leaves them out.
        """
        pruned = self._query().pruned
        assert pruned is not None
        dense = sum(camera.count for camera in self._cameras)
        return spread(projected, pruned.position_ids, pruned.mask, dense)


class EncoderImages:
    """Notes what enters a projector that gets one image at a time, for a pruner that wants all.

    Tokens of all cameras are ranked together, so that the projector has run on every feature by the
    time a pruner chooses. What it leaves out never enters the decoder.

    Args:
        projector: From one image's features to tokens.
        cameras: Grids of the visual tokens, one image each. Images that stay unfilled come after
            them, and are not looked at.
        attention: Of the vision encoder, for pruners that need it.

    Attributes:
        handles: Of the hooks, for taking them out.
    """

    def __init__(
        self,
        projector: Any,
        cameras: tuple[CameraGrid, ...],
        attention: EncoderAttention | None = None,
    ) -> None:
        self._cameras, self._attention = cameras, attention
        self._seen: list[Tensor] = []
        self.handles: list[Any] = [
            projector.register_forward_pre_hook(self._note),
            *([] if attention is None else attention.handles),
        ]

    def begin(self) -> None:
        """Forget the images of a query that broke off."""
        self._seen = []

    def prune(self, query: Query) -> Pruned:
        """Return what the pruner keeps of the features of all cameras.

        Raises:
            PolicyError: There are features of fewer images, or the pruner changes them.
        """
        seen, self._seen = self._seen, []
        count = len(self._cameras)
        if len(seen) < count:
            raise PolicyError(f"the model projected {len(seen)} images of {count} cameras")
        if self._attention is not None:
            query.encoder_attention = self._attention.take(self._cameras, len(seen) - count)
        features = torch.cat(seen[:count], 1)
        pruned = query.prune(features, None, None)
        if not torch.equal(pruned.tokens[pruned.mask], take(features, pruned)[pruned.mask]):
            raise PolicyError(
                f"pruner {query.pruner.name!r} makes new tokens at the encoder, and this model "
                "projects its features before all of them are there",
                "it can only choose some of them",
            )
        return pruned

    def _note(self, _: Any, given: tuple[Any, ...]) -> None:
        self._seen.append(given[0].detach())


def take(states: Tensor, pruned: Pruned) -> Tensor:
    """Return the states (B, P, D) of the tokens that a pruner kept, (B, K, D)."""
    return states.gather(1, pruned.position_ids[..., None].expand(-1, -1, states.shape[2]))
