"""What a query cost, from its trace and the description of the model that answered it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gridseval.errors import UsageError
from gridseval.tokens.accounting.conventions import CONVENTIONS, FLOPS_PER_MAC
from gridseval.tokens.accounting.count import Schedule
from gridseval.tokens.accounting.model import ModelDescription
from gridseval.tokens.pruners import Choice, macs_of
from gridseval.tokens.token_trace import TokenTrace


def trace_flops(
    model: ModelDescription,
    trace: TokenTrace,
    layer: int = 0,
    pruner: str | Callable[[Choice], int] | None = None,
) -> float:
    """Return the floating-point operations of a query, by the convention ``full``.

    Images that the model encodes beyond those of the trace (openpi's third, black one) count as
    pruned like the others.

    Args:
        model: The model that answered.
        trace: What it kept.
        layer: The decoder layer from which on only that is left; 0 is before the decoder.
        pruner: The method's name or its ``macs``, for its own cost; ``None`` counts none.

    Raises:
        UsageError: The trace keeps more than it has (sampled points may be that many), or the model
            has no such layer.
    """
    if trace.kept_count > trace.dense_count:
        raise UsageError(f"a trace of {trace.dense_count} tokens keeps {trace.kept_count}")
    return stage_flops(model, ((layer, trace.kept_count),), trace.dense_count, pruner)


def stage_flops(
    model: ModelDescription,
    stages: Sequence[tuple[int, int]],
    dense: int,
    pruner: str | Callable[[Choice], int] | None = None,
    arguments: Mapping[str, object] | None = None,
    *,
    at_encoder: bool = False,
    projects_all: bool = False,
    reuses: bool = False,
    dropped: frozenset[int] = frozenset(),
) -> float:
    """Return the floating-point operations of a query that is pruned at several places.

    Args:
        model: The model that answered.
        stages: ``(layer, tokens)``: visual tokens of the cameras from that decoder layer on.
        dense: Visual tokens of the cameras before pruning.
        pruner: As :func:`trace_flops`.
        arguments: The pruner's, where its cost depends on them.
        at_encoder: Whether the first place is before the projector, which then runs on fewer
            tokens.
        projects_all: Whether the projector runs on all tokens even so.
        reuses: Whether the other tokens can still be attended to, by entries that are reused.
        dropped: Decoder layers that do not run.

    Raises:
        UsageError: The model has no such layer.
    """
    scaled = tuple((layer, round(n * model.visual_tokens / dense)) for layer, n in stages)
    kept = scaled[0][1] if scaled else model.visual_tokens
    width = model.language.transformer.width
    choice = Choice(
        cameras=model.images,
        visual=model.visual_tokens,
        kept=kept,
        width=model.projector[0].inputs if at_encoder else width,
        text=model.language.tokens,
        arguments=dict(arguments or {}),
    )
    macs = macs_of(pruner) if isinstance(pruner, str) else pruner
    choosing = 0 if macs is None else macs(choice)
    flops = CONVENTIONS["full"].operations(model, Schedule(scaled, reuses, dropped), choosing)
    if at_encoder and not projects_all:
        projecting = sum(linear.macs for linear in model.projector) * model.images
        flops -= round(FLOPS_PER_MAC * projecting * (1 - kept / model.visual_tokens))
    return float(flops)
