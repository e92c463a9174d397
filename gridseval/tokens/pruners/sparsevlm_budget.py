"""How many tokens SparseVLM keeps at each of its layers.

Source: ``llava/model/language_model/score.py`` of SparseVLM's code (Gumpest/SparseVLMs), whose
lists replace the paper's rank of the attention. They name a list by the mean, over all decoder
layers, of the visual tokens that leave a layer, merged ones included: 192, 128, 96 or 64 of 576.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType

from gridseval.errors import PolicyError

LLAVA = 576
"""Visual tokens of the model that the published lists are of."""
PUBLISHED = MappingProxyType(
    {
        "1.0": MappingProxyType(
            {192: (300, 200, 110), 128: (303, 110, 36), 96: (238, 48, 26), 64: (66, 30, 17)}
        ),
        "2.0": MappingProxyType(
            {192: (300, 200, 118), 128: (238, 108, 60), 96: (246, 54, 28), 64: (66, 34, 20)}
        ),
    }
)
"""By version of the code, the budget and the tokens that stay by rank at its three layers."""


def count_recycled(pruned: int, share: float) -> int:
    """Return how many of the pruned tokens are merged: ⌊share · pruned⌋ + 1, or 0 for neither."""
    return min(pruned, int(share * pruned) + 1) if pruned and share else 0


def count_clusters(recycled: int) -> int:
    """Return how many tokens they are merged into: ⌊recycled / 10⌋ + 1, or 0 for none."""
    return recycled // 10 + 1 if recycled else 0


def tokens_left(dense: int, ranked: Sequence[int], recycle: float) -> tuple[int, ...]:
    """Return the visual tokens after each stage, merged ones included.

    Args:
        dense: Before the first stage.
        ranked: Tokens that stay by rank at each stage; more than there are means all.
        recycle: Share of the pruned tokens that is merged; 0 where nothing is.
    """
    left = []
    for count in ranked:
        kept = min(count, dense)
        dense = kept + count_clusters(count_recycled(dense - kept, recycle))
        left.append(dense)
    return tuple(left)


def mean_tokens(
    dense: int, ranked: Sequence[int], recycle: float, places: Sequence[int], layers: int
) -> float:
    """Return the mean over decoder layers of the visual tokens that leave a layer.

    The output of layer ``place - 1`` is pruned, so that it counts as pruned.

    Args:
        dense: Visual tokens before the first stage.
        ranked: Tokens that stay by rank at each place.
        recycle: As for :func:`tokens_left`.
        places: Decoder layers that run on fewer tokens first, ascending.
        layers: Decoder layers.
    """
    left = (dense, *tokens_left(dense, ranked, recycle))
    bounds = (0, *(place - 1 for place in places), layers)
    spans = (stop - start for start, stop in pairwise(bounds))
    return sum(n * span for n, span in zip(left, spans, strict=True)) / layers


def ranked_for_last(dense: int, last: int, stages: int) -> tuple[int, ...]:
    """Return a geometric progression of tokens that stay by rank, down to ``last``."""
    shares = [(last / dense) ** (stage / stages) for stage in range(1, stages)]
    return (*(max(last, round(share * dense)) for share in shares), last)


@lru_cache(maxsize=64)
def ranked_for_mean(
    dense: int, mean: float, version: str, recycle: float, places: tuple[int, ...], layers: int
) -> tuple[int, ...]:
    """Return tokens that stay by rank at each place, so that their mean is near to a budget.

    Where there are three places and the share is a published one (to 1/2 of 576), the published
    list, scaled to ``dense``; else the geometric progression whose mean is the highest that the
    budget allows.

    Args:
        dense: Visual tokens.
        mean: The budget: tokens, of the mean over layers.
        version: ``"1.0"`` or ``"2.0"``.
        recycle: As for :func:`tokens_left`.
        places: As for :func:`mean_tokens`.
        layers: Decoder layers.

    Raises:
        PolicyError: The layers before the first place alone take more than the budget.
    """
    published = PUBLISHED[version]
    nearest = min(published, key=lambda budget: abs(budget / LLAVA - mean / dense))
    if len(places) == 3 and abs(nearest - mean / dense * LLAVA) <= 0.5:
        return scale_published(published[nearest], dense)
    allowed: tuple[int, ...] | None = None
    for last in range(1, dense + 1):
        ranked = ranked_for_last(dense, last, len(places))
        if mean_tokens(dense, ranked, recycle, places, layers) > mean:
            break
        allowed = ranked
    if allowed is None:
        raise PolicyError(
            f"pruner 'sparsevlm' cannot keep {mean:.1f} of {dense} visual tokens in the mean over "
            f"{layers} layers: it prunes what layer {places[0] - 1} puts out first",
            "keep more, or say budget=last",
        )
    return allowed


def scale_published(ranked: Sequence[int], dense: int) -> tuple[int, ...]:
    """Return a list of LLaVA's 576 tokens for another number of them."""
    return tuple(max(1, round(count * dense / LLAVA)) for count in ranked)
