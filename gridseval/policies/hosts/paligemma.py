"""A pruner inside a PaliGemma whose keys an action expert looks at: LeRobot's π0 and π0.5.

The pruner works in the pass over the prefix (images, then words). Its layers then leave caches of
different lengths. The expert runs many times over them, once per denoising step, so each of its
layers gets a mask with the columns that are left, and its positions go on from the prefix's.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from gridseval.policies.hosts.attention import (
    LayerInput,
    after,
    attention_rows,
    entropy_where,
)
from gridseval.policies.hosts.depth import HeadCache
from gridseval.policies.hosts.later import StepMeans
from gridseval.policies.hosts.llama import LlamaHooks
from gridseval.policies.hosts.query import Query, QueryContext
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import AttentionMap, Pruner
from gridseval.tokens.pruners.layout import CameraGrid, Role


class PaliGemmaHooks:
    """Prunes inside a PaliGemma with an action expert.

    A pruner that looks at the action's attention gets that of the expert's tokens, as a mean over
    the denoising steps.

    Args:
        language_model: PaliGemma's decoder.
        expert: The action expert's decoder, of as many layers.
        pruner: Keeps or samples tokens.
        cameras: Grids of the visual tokens, in their order. Images that stay unfilled come after
            them, masked, and are never looked at.
        state_tokens: How many of the expert's first tokens are the state (π0: 1, π0.5: 0).
        projector: What makes tokens of one image's features, for pruners at the encoder.
        vision: The vision encoder, for those that need its attention.

    Raises:
        PolicyError: The pruner needs what the model has not.
    """

    def __init__(
        self,
        language_model: Any,
        expert: Any,
        pruner: Pruner,
        cameras: tuple[CameraGrid, ...],
        *,
        state_tokens: int,
        projector: Any = None,
        vision: Any = None,
    ) -> None:
        self._prefix = LlamaHooks(
            language_model,
            pruner,
            cameras,
            _words,
            bidirectional=False,
            before=0,
            projector=projector,
            vision=vision,
            by_image=True,
            parts=("head",),  # each layer of the expert looks at the keys of one of these
        )
        self._expert, self._pruner, self._state = expert, pruner, state_tokens
        self._handles = [
            layer.register_forward_pre_hook(partial(self._enter, number), with_kwargs=True)
            for number, layer in enumerate(expert.layers)
        ]
        saved = pruner.head_interval
        self._head = HeadCache(expert.layers, saved) if saved > 1 else None
        self.begin()

    @property
    def query(self) -> Query:
        """The query under way."""
        return self._prefix.query

    def remove(self) -> None:
        """Take the hooks out; the model is as it was."""
        self._prefix.remove()
        for handle in self._handles:
            handle.remove()
        if self._head is not None:
            self._head.remove()

    def begin(self, context: QueryContext | None = None) -> None:
        """Begin a query: everything until :meth:`finish`, all denoising steps."""
        self._prefix.begin(context)
        self._later = StepMeans()
        if self._head is not None:
            self._head.begin()

    def finish(self) -> tuple[TokenTrace, ...]:
        """End a query: hand later attention to the pruner, and return what each row kept.

        Raises:
            PolicyError: There was none, or the pruner misses something.
        """
        self._later.join(self.query.maps)
        return self._prefix.finish()

    def _enter(self, number: int, layer: Any, given: Any, named: dict[str, Any]) -> Any:
        states = given[0] if given else named["hidden_states"]
        if number == 0 and self._head is not None:
            self._head.step()
        segment = self._prefix.segment(number)
        if segment is not None:
            named = segment.seen_by_others(named, states, self._expert.rotary_emb)
        if number in self._pruner.needs.observed and self._pruner.needs.later:
            self._look(number, LayerInput(layer, states, named))
        return given, named

    def _look(self, number: int, given: LayerInput) -> None:
        """Add up what the expert looks at in a layer."""
        keys, visual = self._prefix.keys(number), self._prefix.columns(number)
        needed = self._pruner.needs.entropy
        weights, _ = attention_rows(given, slice(None), False, after(keys), mean=needed)
        entropy = entropy_where(needed, weights)
        roles = torch.full(weights.shape[::2], int(Role.ACTION), device=weights.device)
        roles[:, : self._state] = int(Role.STATE)
        self._later.add(number, AttentionMap(weights[..., visual], roles, entropy))


def _words(length: int) -> tuple[Role, ...]:
    """Return the roles of what follows the visual tokens: words, and padding, which is masked."""
    return (Role.INSTRUCTION,) * length
