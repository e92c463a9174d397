"""What the tokens after the visual ones are, model family by model family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gridseval.tokens.pruners.layout import Role

if TYPE_CHECKING:
    from torch import Tensor

Roles = Callable[[int], Sequence[Role]]
"""From the number of tokens after the visual ones to the role of each."""


def openvla_roles(length: int) -> tuple[Role, ...]:
    """Return the roles of OpenVLA's tokens after the visual ones: the prompt.

    Its last token is the action's first query, too: what it predicts is the first action token.

    Args:
        length: Their number, at least 1.
    """
    return (*([Role.INSTRUCTION] * (length - 1)), Role.INSTRUCTION | Role.ACTION)


def oft_roles(length: int, *, state: bool = True, slots: int = 56) -> tuple[Role, ...]:
    """Return the roles of OpenVLA-OFT's tokens after the visual ones.

    They are state, prompt, action slots, stop.

    Args:
        length: Their number.
        state: Whether there is a token of the state.
        slots: Action slots.
    """
    prompt = length - int(state) - slots - 1
    return (
        *([Role.STATE] * int(state)),
        *([Role.INSTRUCTION] * prompt),
        *([Role.ACTION] * slots),
        Role.OTHER,
    )


def whole_roles(before: int, visual: int, text: Tensor, there: Tensor | None) -> Tensor:
    """Return the roles of a whole sequence, int64 (B, before + visual + T).

    Args:
        before: Tokens before the visual ones.
        visual: Visual tokens.
        text: int64 (B, T), the roles of the tokens after them.
        there: bool of the result's shape, false for padding; ``None`` without any.
    """
    roles = text.new_full((len(text), before + visual + text.shape[1]), int(Role.VISUAL))
    roles[:, :before] = int(Role.OTHER)
    roles[:, before + visual :] = text
    return roles if there is None else roles.masked_fill(~there, int(Role.PADDING))
