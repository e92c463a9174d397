"""LightVLA's pruning in front of an OpenVLA-OFT's language model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gridseval.errors import PolicyError
from gridseval.policies.cards import PolicyCard
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid, Role
from gridseval.tokens.pruners.lightvla import LightVla

_BEFORE = 1
"""Tokens before the visual ones: the first, which is never pruned."""


class LightVlaHook:
    """Shortens what the language model sees, and gives its hidden states back at full length.

    OpenVLA-OFT's code finds the action slots by counting from the visual tokens, so hidden states
    return to the places that their tokens had; those of pruned tokens are zeros, which nobody
    reads.

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
        shorter = {**arguments, "inputs_embeds": embeds[:, places], "position_ids": places[None]}
        mask = arguments.get("attention_mask")
        if mask is not None:
            shorter["attention_mask"] = mask[:, places]
        return _at_full_length(self._forward(**shorter), places, length)


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
