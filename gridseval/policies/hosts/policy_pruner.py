"""The pruner of a policy: built from its arguments, asked at each query, noted in its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from gridseval.policies.hosts.draws import EpisodeDraws
from gridseval.policies.hosts.query import Query, QueryContext
from gridseval.policies.hosts.stages import Stages
from gridseval.policies.identity import source_sha256
from gridseval.tokens import TokenTrace
from gridseval.tokens.accounting import ModelDescription, stage_flops
from gridseval.tokens.accounting.model import saving_steps
from gridseval.tokens.pruners import build_pruner
from gridseval.tokens.pruners.interface import Pruner
from gridseval.tokens.pruners.layout import Host

if TYPE_CHECKING:
    from gridseval.suites import Episode


class Hooks(Protocol):
    """A pruner's hooks in a model."""

    @property
    def query(self) -> Query:
        """The query under way."""

    def begin(self, context: QueryContext | None = None) -> None:
        """Begin a query."""

    def finish(self) -> tuple[TokenTrace, ...]:
        """End it."""


class PolicyPruner:
    """A pruner inside the model of a policy.

    Args:
        name: As for :func:`gridseval.tokens.pruners.build_pruner`.
        arguments: The pruner's.
        host: The model around it.
        hook: Puts the pruner into the model.
        seed: Of fresh weights, and of what the pruner draws.
        model: By which a query's cost is counted; ``None`` where the model is not described.
        device: Where the model runs.
        dtype: Of the pruner's parameters.
        projects_all: Whether the model's projector runs on what a pruner at the encoder leaves out.

    Attributes:
        flops: From a trace that :meth:`finish` returned to the query's operations; ``None`` without
            a description.
        skipping: What decides which queries need no model; ``None``: all need it.
        notes: What the user should know.
        details: For ``run.yaml``.

    Raises:
        PolicyError: There is no such pruner or argument, or it does not fit the model.
    """

    def __init__(
        self,
        name: str,
        arguments: Mapping[str, Any],
        host: Host,
        hook: Callable[[Pruner], Hooks],
        *,
        seed: int,
        model: ModelDescription | None,
        device: str,
        dtype: torch.dtype,
        projects_all: bool = False,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            pruner = build_pruner(name, host, **arguments)
        self._pruner = pruner.to(device, dtype).eval()
        self._arguments, self._host = dict(arguments), host
        self._model = None if model is None else saving_steps(model, pruner.head_interval)
        self._hooks = hook(self._pruner)
        self._draws = EpisodeDraws(seed, device)
        self._device = device
        self._projects_all = projects_all
        self._slots: Sequence[int] = ()
        self._stages = Stages()
        self.flops = None if model is None else self._count
        self.skipping = pruner.skipping
        self.notes: tuple[str, ...] = ()
        if pruner.state_dict():
            self.notes = (
                f"the pruner {name} is untrained: its weights are drawn from seed {seed}, so that "
                "it chooses tokens at random",
            )
        own = source_sha256(type(pruner))
        self.details: dict[str, Any] = {
            "pruner": {"name": name, "places": [_words(place) for place in pruner.places]},
            **({} if own is None else {"pruner_sha256": own}),
        }

    def reset(self, slots: Sequence[int], episodes: Sequence[Episode]) -> None:
        """Forget what the pruner remembers of these slots."""
        self._pruner.reset([int(slot) for slot in slots])
        self._draws.reset(slots, episodes)

    @property
    def asked(self) -> bool:
        """Whether the model was asked since :meth:`begin`."""
        return self._hooks.query.pruned is not None

    def begin(self, slots: Sequence[int], images: Callable[[], Tensor]) -> None:
        """Begin a query.

        Args:
            slots: Of its rows.
            images: Returns the model's input images, float (B, cameras, height, width, 3), for
                pruners that look at them.

        Raises:
            PolicyError: No episode began in a slot.
        """
        needs = self._pruner.needs
        self._slots = [int(slot) for slot in slots]
        pixels = images().to(self._device) if needs.pixels else None
        drawn = [self._draws.generator(slot) for slot in self._slots] if needs.generators else None
        self._hooks.begin(QueryContext(self._slots, drawn, pixels))

    def finish(self) -> tuple[TokenTrace, ...]:
        """End a query; return what each row kept.

        Raises:
            PolicyError: The model's code did not ask its language model, or the pruner misses
                something.
        """
        traces = self._hooks.finish()
        self._draws.advance(self._slots)
        return self._stages.note(traces, self._hooks.query.counts, self._hooks.query.dropped)

    def _count(self, trace: TokenTrace) -> float:
        """Return the operations of a query, by the convention ``full``."""
        assert self._model is not None
        dense = self._model.visual_tokens
        # Images that stay unfilled are run through, and are not pruned.
        unfilled = dense - trace.dense_count
        return stage_flops(
            self._model,
            [(layer, left + unfilled) for layer, left in self._stages.of(trace, self._pruner)],
            dense,
            self._pruner.macs,
            self._arguments,
            at_encoder=self._pruner.place.where == "encoder",
            projects_all=self._projects_all,
            reuses=self._pruner.entries is not None,
            dropped=self._stages.dropped(trace),
        )


def _words(place: Any) -> str:
    return f"layer {place.layer}" if place.where == "layer" else str(place.where)
