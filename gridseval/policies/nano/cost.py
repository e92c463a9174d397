"""What a query of ``nano`` costs, from its shapes and from what its pruner kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from gridseval.policies.nano.config import NanoConfig
from gridseval.tokens.accounting import CONVENTIONS, FLOPS_PER_MAC, Schedule
from gridseval.tokens.pruners import Choice


@lru_cache(maxsize=4096)
def nano_flops(
    config: NanoConfig,
    macs: Callable[[Choice], int],
    stages: tuple[tuple[int, int], ...],
    where: str = "before",
    reuses: bool = False,
) -> float:
    """Return the floating-point operations of a query, by the convention ``full``.

    Instructions count as ten words each: LIBERO's have 5 to 19, which hardly changes the result.

    Args:
        config: The model's.
        macs: Its pruner's.
        stages: ``(layer, tokens)``: visual tokens that run from that layer on.
        where: The place of the pruner; one at the encoder spares the projector, too.
        reuses: Whether the other tokens can still be attended to, by entries that are reused.
    """
    model = config.describe()
    place = stages[0] if stages else (0, model.visual_tokens)
    at_encoder = where == "encoder"
    choice = Choice(
        cameras=len(config.cameras),
        visual=model.visual_tokens,
        kept=place[1],
        width=config.encoder_width if at_encoder else config.width,
        text=model.language.tokens,
        image_px=config.image_px,
        arguments=config.pruner.arguments,
    )
    convention = CONVENTIONS["full"]
    flops = convention.operations(model, Schedule(stages, reuses), macs(choice))
    if at_encoder:
        per_token = config.width * config.encoder_width
        flops -= FLOPS_PER_MAC * per_token * (model.visual_tokens - place[1])
    return float(flops)
