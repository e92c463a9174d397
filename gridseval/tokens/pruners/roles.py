"""Which queries or tokens have a role: each carries a set of them."""

from __future__ import annotations

from functools import reduce
from operator import or_

from torch import Tensor

from gridseval.tokens.pruners.layout import Role

_PREFILL = Role.VISUAL | Role.INSTRUCTION | Role.STATE | Role.OTHER


def has_role(roles: Tensor, *wanted: Role) -> Tensor:
    """Return bool of the same shape: whether an entry has at least one of these roles.

    Args:
        roles: int64, a set of :class:`Role` per entry.
        *wanted: At least one; ``Role.PADDING`` is the empty set, which no entry has.
    """
    return (roles & int(reduce(or_, wanted))) != 0


def prefill_queries(roles: Tensor) -> Tensor:
    """Return bool (B, Q): the queries before the action slots, visual ones and BOS included.

    A query that only decodes an action does not count, nor what comes after the first of them (the
    stop token of OpenVLA-OFT). OpenVLA's last prompt token is both: it counts here, and it is the
    first query of the action.

    Args:
        roles: int64 (B, Q), a set of :class:`Role` per query, in the order of the sequence.
    """
    seen = (roles == Role.ACTION).cumsum(1) > 0
    return has_role(roles, _PREFILL) & ~seen


def instruction_tokens(roles: Tensor) -> Tensor:
    """Return bool (B, T): a row's instruction, or where it has none all tokens but padding."""
    instruction = has_role(roles, Role.INSTRUCTION)
    return instruction.where(instruction.any(1, keepdim=True), roles != Role.PADDING)
