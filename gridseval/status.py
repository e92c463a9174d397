"""How an episode ended, in one word: loop, records, tables and videos use the same three."""

from __future__ import annotations

from typing import Literal, TypeAlias

Status: TypeAlias = Literal["success", "failure", "error"]
"""``"failure"``: the steps ran out. ``"error"``: a technical failure ended the episode, which says
nothing about the policy and enters no rate."""
