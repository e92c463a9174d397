"""What one query of a model costs in multiply-accumulates, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gridseval.errors import UsageError
from gridseval.tokens.accounting.model import Expert, Language, ModelDescription
from gridseval.tokens.accounting.transformer import Convolution, Linear


@dataclass(frozen=True)
class Schedule:
    """How many visual tokens each decoder layer runs on.

    Args:
        stages: ``(layer, tokens)`` in ascending order of layers, counted from 0: from that layer on
            ``tokens`` visual tokens are left. Layers before the first stage run on all.
        reuses: Whether the others can still be attended to, by key-value entries of an earlier
            query, or are gone.
        dropped: Decoder layers that do not run.

    Raises:
        UsageError: Layers don't ascend, or a number is below 0.
    """

    stages: tuple[tuple[int, int], ...] = ()
    reuses: bool = False
    dropped: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        layers = [layer for layer, _ in self.stages]
        if sorted(set(layers)) != layers or any(min(stage) < 0 for stage in self.stages):
            raise UsageError(f"no schedule of visual tokens: {self.stages}")

    def tokens(self, dense: int, layers: int) -> tuple[int, ...]:
        """Return the visual tokens that each layer computes.

        Raises:
            UsageError: A stage is beyond the last layer, or keeps more than there are.
        """
        left, counts = dense, []
        at = dict(self.stages)
        if any(layer >= layers for layer in at):
            raise UsageError(
                f"layer {max(at)} is beyond the model's {layers} layers", "they count from 0"
            )
        if any(tokens > dense for tokens in at.values()):
            raise UsageError(f"the model has {dense} visual tokens, not {max(at.values())}")
        for layer in range(layers):
            left = at.get(layer, left)
            counts.append(left)
        return tuple(counts)

    def layers(self, dense: int, layers: int) -> tuple[Visual, ...]:
        """Return what each layer that runs computes and sees.

        Raises:
            UsageError: As :meth:`tokens`.
        """
        computed = self.tokens(dense, layers)
        return tuple(
            Visual(left, dense if self.reuses else left)
            for layer, left in enumerate(computed)
            if layer not in self.dropped
        )


class Visual(NamedTuple):
    """The visual tokens of a layer.

    Attributes:
        computed: Those that run through it.
        seen: Those that it attends to, at least as many.
    """

    computed: int
    seen: int


@dataclass(frozen=True)
class Cost:
    """MACs of one query.

    Attributes:
        vision: Vision encoders and the projector.
        pruner: What choosing the tokens costs.
        prefill: The language model's pass over the prefix, parallel action slots included.
        decode: Tokens that are generated one by one, and the output layer.
        head: The action head, or all denoising steps of the action expert.
    """

    vision: int
    pruner: int
    prefill: int
    decode: int
    head: int

    @property
    def total(self) -> int:
        """All parts."""
        return self.vision + self.pruner + self.prefill + self.decode + self.head


@dataclass(frozen=True)
class Repeats:
    """How often layers and steps are counted: as often as they run, or once.

    Args:
        layers: Whether all layers count, or one of each stack.
        steps: Whether all denoising steps count, or one.
    """

    layers: bool = True
    steps: bool = True


def count_macs(
    model: ModelDescription,
    schedule: Schedule | None = None,
    pruner: int = 0,
    repeats: Repeats | None = None,
) -> Cost:
    """Return what a query costs.

    Args:
        model: The model.
        schedule: Visual tokens by layer; default: all in every layer.
        pruner: MACs of choosing the tokens; see :func:`pruner_macs`.
        repeats: What is counted once instead of as often as it runs; default: nothing. The mean of
            a stack's layers counts as the one, so that it matters from which layer on tokens are
            pruned.

    Raises:
        UsageError: The schedule does not fit the model.
    """
    repeats = repeats or Repeats()
    language = model.language
    schedule = schedule or Schedule()
    visual = schedule.layers(model.visual_tokens, language.transformer.layers)
    # Either all layers together, or each by itself for their mean.
    stacks = [visual] if repeats.layers else [(layer,) for layer in visual]
    return Cost(
        vision=model.images * _per_image(model, repeats),
        pruner=pruner,
        prefill=_mean(_prefill(language, stack) for stack in stacks),
        decode=_mean(_decode(language, stack) for stack in stacks),
        head=_sum(model.head) + _mean(_denoising(model, stack, repeats) for stack in stacks),
    )


def _per_image(model: ModelDescription, repeats: Repeats) -> int:
    macs = _sum(model.projector)
    for tower in model.towers:
        macs += _sum(tower.linears) + _sum(tower.convolutions)
        if tower.transformer is not None:
            layers = tower.transformer.layers if repeats.layers else 1
            macs += layers * tower.transformer.layer_macs(tower.tokens)
    return macs


def _prefill(language: Language, visual: Sequence[Visual]) -> int:
    layers = (
        language.transformer.layer_macs(each.computed + language.tokens, each.seen - each.computed)
        for each in visual
    )
    return sum(layers) + _sum(language.linears)


def _decode(language: Language, visual: Sequence[Visual]) -> int:
    """Return the MACs of generated tokens: the first comes from the prefix's last position."""
    macs = language.generated * language.transformer.width * language.vocabulary
    for position in range(language.generated - 1):
        context = language.tokens + position
        macs += sum(language.transformer.layer_macs(1, each.seen + context) for each in visual)
    return macs


def _denoising(model: ModelDescription, visual: Sequence[Visual], repeats: Repeats) -> int:
    expert = model.expert
    if expert is None:
        return 0
    prefix = [each.seen + model.language.tokens for each in visual]
    crossing = expert.cross_layers if repeats.layers else 0
    joint = sum(
        expert.transformer.layer_macs(expert.tokens, context)
        for context in _evenly(prefix, len(prefix) - crossing)
    )
    cross = sum(_cross_layer(expert, context, model) for context in _evenly(prefix, crossing))
    adaptive = len(prefix) * _sum(expert.layer_linears)
    steps = expert.steps if repeats.steps else 1
    return steps * (joint + cross + adaptive + _sum(expert.linears))


def _cross_layer(expert: Expert, context: int, model: ModelDescription) -> int:
    """Return one layer's MACs that attends to the prefix alone, its keys projected once more."""
    inner, outer = expert.transformer, model.language.transformer
    keys = inner.kv_heads * inner.head_dim
    own = inner.token_macs - 2 * inner.width * keys  # its own tokens need no keys and values
    projected = 2 * context * outer.kv_heads * outer.head_dim * keys
    return expert.tokens * own + inner.attention_macs(expert.tokens, context) + projected


def _evenly(values: Sequence[int], count: int) -> list[int]:
    """Return ``count`` of the values, spread over their order."""
    return [values[index * len(values) // count] for index in range(count)]


def _mean(costs: Iterable[int]) -> int:
    listed = list(costs)
    return sum(listed) // len(listed)


def _sum(maps: Iterable[Linear | Convolution]) -> int:
    return sum(each.macs for each in maps)
