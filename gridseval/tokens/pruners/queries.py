"""Selection by queries, as LightVLA and LightVLA* do it: every query names the token it wants."""

from __future__ import annotations

import abc

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.tokens.pruners.checks import check_count, check_finite, check_flag, check_number
from gridseval.tokens.pruners.interface import Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.numerics import widen
from gridseval.tokens.pruners.selection import rank_first, select

AS_MANY = "kept"


class QueryPruner(Pruner, abc.ABC):
    """Keeps every token that some query wants most; subclasses score, and say what they cost.

    Training returns one token per query, with noise on the scores; inference keeps each wanted
    token once.

    Args:
        noise: α at the start of training: ε ~ U(0, α) is added to the scores. At least 0.
        decay: Whether α falls with progress.
        extra: Random unwanted tokens that inference keeps besides, or ``"kept"``: as many as are
            wanted. An ablation of the paper.
        drop: Probability with which inference drops each wanted token, in [0, 1); a row that would
            lose all keeps the one that most queries want. The paper's ablation has 0.1, drawn
            for each token by itself, as the code did before commit 22b7abe.

    Raises:
        PolicyError: An argument is out of range.
    """

    def __init__(self, *, noise: float, decay: bool, extra: int | str, drop: float) -> None:
        super().__init__()
        self.noise = check_number("noise", noise, 0)
        self.decay = check_flag("decay", decay)
        self.alpha = self.noise
        if isinstance(extra, str) and extra != AS_MANY:
            raise PolicyError(
                f"a pruner's extra must be a whole number from 0, or {AS_MANY!r}, not {extra!r}"
            )
        self.extra = extra if isinstance(extra, str) else check_count("extra", extra, 0)
        self.drop = check_number("drop", drop, 0, 1)
        if self.drop == 1:
            raise PolicyError("a pruner's drop must be less than 1: no token would be left")

    @property
    def random(self) -> bool:
        """Whether inference draws random numbers."""
        return self.extra != 0 or self.drop > 0

    def set_progress(self, share: float) -> None:
        """Set the noise to α = noise · (1 − share), share = step / steps in [0, 1].

        Raises:
            PolicyError: ``share`` is outside.
        """
        share = check_number("share of training", share, 0, 1)
        self.alpha = self.noise * (1 - share) if self.decay else self.noise

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return (B, K, D), K the most tokens that a row keeps; in training (B, queries, D)."""
        scores = self.score(inputs)
        if self.training:
            if self.alpha > 0:
                scores = scores + self.alpha * draw(inputs, scores)
            return take_softly(self.name, inputs, scores)
        votes = count_votes(check_finite(self.name, scores).argmax(2), scores.shape[2])
        return select(inputs, self._chosen(inputs, votes), votes)

    @abc.abstractmethod
    def score(self, inputs: PrunerInput) -> Tensor:
        """Return how much each query wants each token, float (B, queries, P)."""

    def _chosen(self, inputs: PrunerInput, votes: Tensor) -> Tensor:
        """Return which tokens inference keeps, bool (B, P)."""
        wanted = chosen = votes > 0
        if self.drop > 0:
            lost = draw(inputs, votes) > 1 - self.drop
            chosen = wanted & ~lost
            chosen = torch.where(chosen.any(1, keepdim=True), chosen, rank_first(votes, 1))
        if self.extra != 0:
            # In random order, wanted tokens at the end.
            order = draw(inputs, votes) + wanted
            ranks = order.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
            free = (~wanted).sum(1, keepdim=True)
            count = wanted.sum(1, keepdim=True) if self.extra == AS_MANY else int(self.extra)
            chosen = chosen | ((ranks < count) & (ranks < free))
        return chosen


def draw(inputs: PrunerInput, like: Tensor) -> Tensor:
    """Return numbers ~ U(0, 1) of each row's own generator if there is one, else of torch's.

    Args:
        inputs: Whose generators.
        like: float (B, …): the shape, dtype and device.
    """
    if inputs.generators is None:
        return torch.rand_like(like)
    rows = [
        torch.rand(like.shape[1:], generator=generator, device=generator.device)
        for generator in inputs.generators
    ]
    return torch.stack(rows).to(like)


def take_softly(name: str, inputs: PrunerInput, scores: Tensor) -> Pruned:
    """Return one token per query, with gradients to the scores: training.

    I = hard + soft − stop_gradient(soft), tokens = I · H. The forward pass is exactly the hard
    choice; duplicates stay, and each has the position of the token that it is.

    Args:
        name: The pruner's, for messages.
        inputs: The tokens at hand.
        scores: float (B, queries, P).

    Raises:
        PolicyError: Scores are not finite.
    """
    wanted = check_finite(name, scores.detach()).argmax(2)
    soft = torch.softmax(widen(scores), dim=2)
    hard = torch.nn.functional.one_hot(wanted, scores.shape[2])
    # soft - soft.detach() first: it is exactly 0, so that the sum is exactly the hard choice.
    picked = (hard + (soft - soft.detach())).to(inputs.tokens.dtype)
    return Pruned(
        tokens=picked @ inputs.tokens,
        position_ids=wanted,
        mask=torch.ones_like(wanted, dtype=torch.bool),
        indices=wanted,
        cameras=inputs.cameras,
        scores=count_votes(wanted, scores.shape[2]),
    )


def count_votes(wanted: Tensor, count: int) -> Tensor:
    """Return how many queries want each token, float32 (B, P), of their choices (B, queries)."""
    votes = torch.zeros(len(wanted), count, device=wanted.device)
    return votes.scatter_add(1, wanted, torch.ones_like(wanted, dtype=torch.float32))
