"""LightVLA's pruning in front of an OpenVLA-OFT's language model, and what its head reads."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor

from gridseval.errors import PolicyError, did_you_mean
from gridseval.policies.cards import PolicyCard
from gridseval.tokens import TokenTrace
from gridseval.tokens.pruners.interface import Pruned, PrunerInput
from gridseval.tokens.pruners.layout import CameraGrid, Role
from gridseval.tokens.pruners.lightvla import LightVla

Indexing = Literal["lightvla", "oft"]
"""Which hidden states are a chunk's: ``"lightvla"``, the last 56, as LightVLA's ``predict_action``
reads, or ``"oft"``, those of the last prompt token to action slot 55, as OpenVLA-OFT's reads and as
LightVLA trains."""

_BEFORE = 1
"""Tokens before the visual ones: the first, which is never pruned."""
_LATER = 2
"""By how much LightVLA's reading is later: the last action slot and the stop token follow."""


def check_indexing(text: str) -> Indexing:
    """Return a name of an indexing.

    Raises:
        PolicyError: There is no such indexing.
    """
    known: tuple[Indexing, ...] = get_args(Indexing)
    for name in known:
        if text == name:
            return name
    raise PolicyError(
        f"indexing {text!r} is neither {' nor '.join(map(repr, known))}", did_you_mean(text, known)
    )


class LastStates:
    """Keeps the last hidden states of a language model's last query, as it gave them.

    Args:
        language_model: A language model of transformers; its ``forward`` is replaced.
    """

    def __init__(self, language_model: Any) -> None:
        self._forward = language_model.forward
        self._states: Tensor | None = None
        language_model.forward = self._watched

    def take(self) -> Tensor:
        """Return them, (B, T, width); T without what was pruned."""
        if self._states is None:
            raise PolicyError("the model's code did not ask its language model for hidden states")
        states, self._states = self._states, None
        return states

    def _watched(self, *positional: Any, **named: Any) -> Any:
        output = self._forward(*positional, **named)
        if output.get("hidden_states") is not None:
            self._states = output["hidden_states"][-1]
        return output


class IndexedHead(torch.nn.Module):
    """An action head that reads the states of an indexing, whatever the model's code hands it.

    Args:
        head: The checkpoint's.
        states: Those of the language model.
        indexing: Which of them count.
    """

    def __init__(self, head: Any, states: LastStates, indexing: Indexing) -> None:
        super().__init__()
        self._head, self._states, self._indexing = head, states, indexing

    def predict_action(self, states: Tensor) -> Tensor:
        """Return normalised actions, (B, H, 7).

        Args:
            states: (B, H · 7, width), of which only the number counts.
        """
        count, own = states.shape[1], self._states.take()
        end = own.shape[1] - (0 if self._indexing == "lightvla" else _LATER)
        actions: Tensor = self._head.predict_action(own[:, end - count : end])
        return actions


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
