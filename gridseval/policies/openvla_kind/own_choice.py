"""What a LightVLA checkpoint's own code keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from gridseval.errors import PolicyError
from gridseval.policies.cards import PolicyCard
from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.tokens.pruners.queries import count_votes


class OwnChoice:
    """Notes what a checkpoint's own code keeps, by wrapping its scoring.

    LightVLA's code (``TokenPruner`` in ``prismatic/extern/hf/modeling_prismatic.py``) scores with
    ``get_score``, float (1, P, P), and chooses with ``score_to_mask``, bool (1, P), whose answer
    counts: in one range of its commits it leaves out tokens that the scores want.

    Args:
        pruner: The module with these methods, which are replaced by ones that call them.
        card: For the cameras and their token grids.
    """

    def __init__(self, pruner: Any, card: PolicyCard) -> None:
        self._grid, self._names = card.token_grid, card.cameras
        self._kept: Tensor | None = None
        self._votes: Tensor | None = None
        self._score, pruner.get_score = pruner.get_score, self._scored
        if callable(getattr(pruner, "score_to_mask", None)):
            self._choose, pruner.score_to_mask = pruner.score_to_mask, self._chosen

    def trace(self) -> TokenTrace:
        """Return what the last query kept; weights are how many queries want a token.

        Raises:
            PolicyError: The code did not score tokens, or others than the cameras'.
        """
        kept, votes = self._kept, self._votes
        self._kept = self._votes = None
        if kept is None or votes is None:
            raise PolicyError("the checkpoint's own pruner did not score any tokens")
        count = self._grid[0] * self._grid[1]
        if len(kept) != count * len(self._names) or kept.shape != votes.shape:
            raise PolicyError(
                f"the checkpoint's own pruner chose among {len(kept)} tokens, and "
                f"{len(self._names)} cameras have {count} each"
            )
        parts = zip(
            self._names,
            np.split(kept.cpu().numpy(), len(self._names)),
            np.split(votes.cpu().numpy(), len(self._names)),
            strict=True,
        )
        return TokenTrace(
            tuple(CameraTrace(name, self._grid, kept=k, weights=w) for name, k, w in parts)
        )

    def _scored(self, *positional: Any, **named: Any) -> Any:
        scores = self._score(*positional, **named)
        self._votes = count_votes(scores.detach().argmax(2), scores.shape[2])[0]
        self._kept = self._votes > 0
        return scores

    def _chosen(self, *positional: Any, **named: Any) -> Any:
        mask = self._choose(*positional, **named)
        self._kept = mask.detach()[0].bool()
        return mask


def find_own_pruner(language_model: nn.Module) -> nn.Module | None:
    """Return the module of a language model that scores visual tokens as LightVLA's code does."""
    for module in language_model.modules():
        if callable(getattr(module, "get_score", None)):
            return module
    return None
