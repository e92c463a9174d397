"""What a query of a known family costs, for the tables of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gridseval.policies.cards import PolicyCard
from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.tokens.accounting import ModelDescription, load_model, trace_flops
from gridseval.tokens.pruners import macs_of

Flops = Callable[[TokenTrace], float]


def card_flops(
    card: PolicyCard, width: int | None = None, images: int | None = None
) -> Flops | None:
    """Return a policy's ``flops`` by the description that its card names.

    Args:
        card: The family's card.
        width: The language model's width, where it is known: a checkpoint of another size is
            another model, whose cost the description does not tell.
        images: Images that it encodes, empty ones with them; default: the description's.

    Returns:
        A function from a query's trace to its floating-point operations; ``None`` where the card
        does not name the model, or names another one.
    """
    model = described_model(card, width, images)
    if model is None:
        return None
    # Found once: the class of a plug-in's pruner is looked up among all packages.
    macs = None if card.pruner is None else macs_of(card.pruner)
    return lambda trace: trace_flops(model, trace, pruner=macs)


def described_model(
    card: PolicyCard, width: int | None = None, images: int | None = None
) -> ModelDescription | None:
    """Return the description of a policy's model, by which its cost is counted.

    Args:
        card: As for :func:`card_flops`, with the other arguments.
        width: The language model's.
        images: Images that it encodes.
    """
    if card.model is None:
        return None
    model = load_model(card.model)
    if width is not None and width != model.language.transformer.width:
        return None
    return model if images is None else replace(model, images=images)


def dense_trace(card: PolicyCard) -> TokenTrace:
    """Return the trace of a query that kept every token."""
    kept = np.ones(card.token_grid[0] * card.token_grid[1], np.bool_)
    return TokenTrace(tuple(CameraTrace(name, card.token_grid, kept=kept) for name in card.cameras))
