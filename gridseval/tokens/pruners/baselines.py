"""Selections without a method, to compare methods with: random, uniform, and top-k.

Each keeps k tokens of every camera, as GridS samples k, since GridS's ablation compares with random
and top-k tokens at equal numbers (See What Matters, arXiv 2605.11817: 87.8 and 90.5 % on average).
"""

from __future__ import annotations

import abc
import math

import torch
from torch import Tensor
from torch.nn import functional

from gridseval.tokens.pruners import products
from gridseval.tokens.pruners.budget import Budget
from gridseval.tokens.pruners.checks import check_choice, check_finite
from gridseval.tokens.pruners.interface import Pruned, Pruner, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid, Host, Needs
from gridseval.tokens.pruners.numerics import widen
from gridseval.tokens.pruners.roles import instruction_tokens
from gridseval.tokens.pruners.selection import rank_cameras, select


class PerCamera(Pruner, abc.ABC):
    """Keeps the k highest scores of each camera; subclasses say what they are and cost.

    Args:
        k: Tokens per camera, at least 1; 16 if ``keep`` is not given.
        keep: Share of each camera's tokens, in (0, 1], instead of ``k``.
    """

    def __init__(self, *, k: int | None = None, keep: float | None = None) -> None:
        super().__init__()
        self.budget = Budget(k, keep).or_else(Budget(k=16))

    def check_host(self, host: Host) -> None:
        """Refuse a model whose grids have fewer than k tokens."""
        super().check_host(host)
        self.budget.count(host.cameras)

    def prune(self, inputs: PrunerInput) -> Pruned:
        """Return k tokens per camera in their order."""
        scores = check_finite(self.name, self.score(inputs))
        return select(inputs, rank_cameras(scores, inputs.cameras, self.budget, True), scores)

    @abc.abstractmethod
    def score(self, inputs: PrunerInput) -> Tensor:
        """Return float32 (B, P)."""


class RandomTokens(PerCamera):
    """Keeps k tokens of each camera, drawn anew in each query: scores ~ U(0, 1).

    Each row draws from its own generator, so that it does not matter which rows share a batch.
    """

    name = "random"
    macs = staticmethod(products.none)
    needs = Needs(generators=True)

    def score(self, inputs: PrunerInput) -> Tensor:
        """Return random numbers, float32 (B, P)."""
        assert inputs.generators is not None
        rows = [
            torch.rand(inputs.dense_count, generator=generator, device=generator.device)
            for generator in inputs.generators
        ]
        return torch.stack(rows).to(inputs.tokens.device)


class UniformTokens(PerCamera):
    """Keeps k tokens of each camera, evenly spread over its grid, the same in each query.

    About √(k · rows / columns) rows hold as equal numbers of tokens as possible; rows, and the
    tokens of a row, lie at the centres of equal intervals.
    """

    name = "uniform"
    macs = staticmethod(products.none)

    def score(self, inputs: PrunerInput) -> Tensor:
        """Return 1 for the tokens of the pattern, 0 for others, float32 (B, P)."""
        pattern = [
            _spread_evenly(camera, self.budget.count((camera,))) for camera in inputs.cameras
        ]
        scores = torch.cat(pattern).to(inputs.tokens.device)
        return scores.expand(len(inputs.tokens), -1)


class TopTokens(PerCamera):
    """Keeps the k tokens of each camera with the highest score.

    Args:
        k: Tokens per camera, at least 1; 16 if ``keep`` is not given.
        keep: Share of each camera's tokens, in (0, 1], instead of ``k``.
        score: ``"norm"``: the token's Euclidean norm; ``"text"``: its cosine with the mean of the
            instruction's tokens.
    """

    name = "topk"
    macs = staticmethod(products.none)

    def __init__(
        self, *, k: int | None = None, keep: float | None = None, score: str = "norm"
    ) -> None:
        super().__init__(k=k, keep=keep)
        self.by_text = check_choice("score", score, ("norm", "text")) == "text"
        self.needs = Needs(text=self.by_text)

    def score(self, inputs: PrunerInput) -> Tensor:
        """Return norms or cosines, float32 (B, P)."""
        tokens = widen(inputs.tokens)
        if not self.by_text:
            norms: Tensor = torch.linalg.vector_norm(tokens, dim=-1)
            return norms
        assert inputs.text is not None and inputs.text_roles is not None
        text = widen(inputs.text)
        wanted = instruction_tokens(inputs.text_roles).to(text.dtype)
        mean = torch.einsum("bt,btd->bd", wanted, text)
        return functional.cosine_similarity(tokens, mean[:, None], dim=-1)


def _spread_evenly(camera: CameraGrid, k: int) -> Tensor:
    """Return float32 (rows * columns,) with k ones."""
    wanted = round(math.sqrt(k * camera.rows / camera.columns))
    rows = min(max(wanted, math.ceil(k / camera.columns), 1), camera.rows, k)
    pattern = torch.zeros(camera.rows, camera.columns)
    for row in range(rows):
        count = (row + 1) * k // rows - row * k // rows
        columns = ((torch.arange(count) + 0.5) * camera.columns / count).long()
        pattern[int((row + 0.5) * camera.rows / rows), columns] = 1
    return pattern.flatten()
