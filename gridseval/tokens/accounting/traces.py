"""What a query cost, from its trace and the description of the model that answered it."""

from __future__ import annotations

from collections.abc import Callable

from gridseval.errors import UsageError
from gridseval.tokens.accounting.conventions import CONVENTIONS
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
    kept = round(trace.kept_count * model.visual_tokens / trace.dense_count)
    width, text = model.language.transformer.width, model.language.tokens
    choice = Choice(model.images, model.visual_tokens, kept, width, text)
    macs = macs_of(pruner) if isinstance(pruner, str) else pruner
    choosing = 0 if macs is None else macs(choice)
    schedule = Schedule(((layer, kept),))
    return float(CONVENTIONS["full"].operations(model, schedule, choosing))
