"""LightVLA's pruning before an OpenVLA-OFT's language model: gridseval's, or a checkpoint's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gridseval.errors import PolicyError
from gridseval.policies.cards import PolicyCard
from gridseval.tokens import CameraTrace, TokenTrace
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid, Role
from gridseval.tokens.pruners.lightvla import LightVla
from gridseval.tokens.pruners.queries import count_votes

_BEFORE = 1
"""Tokens before the visual ones: the first, which is never pruned."""


class LightVlaHook:
    """Shortens what the language model sees, and gives its hidden states back at full length.

    OpenVLA-OFT's code finds the action slots by counting from the visual tokens, so hidden states
    return to the places that their tokens had; those of pruned tokens are zeros, which are
    never read.

    Args:
        language_model: A ``transformers`` language model; its ``forward`` is replaced.
        card: For the cameras and their token grids.
    """

    def __init__(self, language_model: Any, card: PolicyCard) -> None:
        rows, columns = card.token_grid
        self._cameras = tuple(CameraGrid(camera, rows, columns) for camera in card.cameras)
        self._count = rows * columns * len(self._cameras)
        self._pruner = LightVla().eval()
        self._pruned: Pruned | None = None
        self._forward = language_model.forward
        language_model.forward = self._shortened

    def trace(self) -> TokenTrace:
        """Return what the last query kept."""
        if self._pruned is None:
            raise PolicyError("the model's code did not hand embeddings to its language model")
        pruned, self._pruned = self._pruned, None
        return pruned.traces[0]

    def _shortened(self, **arguments: Any) -> Any:
        embeds: Tensor | None = arguments.get("inputs_embeds")
        if embeds is None or embeds.shape[1] < _BEFORE + self._count + 1:
            return self._forward(**arguments)
        end = _BEFORE + self._count
        visual, text = embeds[:, _BEFORE:end], embeds[:, end:]
        # LightVLA's "language" is all that follows: state, prompt, action slots, stop.
        roles = torch.full(text.shape[:2], int(Role.OTHER), device=text.device)
        self._pruned = pruned = self._pruner(
            PrunerInput(visual, self._cameras, text=text, text_roles=roles)
        )
        length = embeds.shape[1]
        places = torch.cat(
            [
                torch.arange(_BEFORE, device=embeds.device),
                _BEFORE + pruned.position_ids[0, pruned.mask[0]],
                torch.arange(end, length, device=embeds.device),
            ]
        )
        mask = arguments.get("attention_mask")
        if mask is None:  # without one, newer transformers takes gaps for several sequences
            mask = torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device)
        shorter = {
            **arguments,
            "inputs_embeds": embeds[:, places],
            "position_ids": places[None],
            "attention_mask": mask[:, places],
        }
        return _at_full_length(self._forward(**shorter), places, length)


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


def _at_full_length(output: Any, places: Tensor, length: int) -> Any:
    """Return a language model's output whose hidden states and logits have all places again."""

    def spread(values: Tensor) -> Tensor:
        full = values.new_zeros(len(values), length, values.shape[2])
        full[:, places] = values
        return full

    if output.get("hidden_states") is not None:
        output["hidden_states"] = tuple(spread(values) for values in output["hidden_states"])
    if output.get("logits") is not None:
        output["logits"] = spread(output["logits"])
    return output
